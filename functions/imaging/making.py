"""One model's attempt at a request: its calls side by side, and each picture checked, fitted and stored."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from aws.bedrock import BedrockError, SecondsLeft
from aws.bucket import BucketError
from imaging import png
from imaging.deadline import Deadline
from imaging.errors import ContentBlocked, ImagingError, ModelError, StorageFailed, TimedOut
from imaging.gallery import Gallery
from imaging.models import refusals
from imaging.models.schema import NoPicture, Outcome, Picture
from imaging.planning import Call, Plan, Slot
from imaging.result import StoredImage
from imaging.routing import Route
from imaging.sizing import Size, fit
from observability import log_bug, logger

Invoke = Callable[[str, str, Mapping[str, Any], SecondsLeft], Mapping[str, Any]]

STORE_AGAIN_AFTER_SECONDS = (0.5, 1, 2, 4, 8)
"""An image that the bucket refused was paid for; together less than API Gateway waits."""


@dataclass(frozen=True)
class Made:
    """What came of one image: it lies in the bucket, noted or not, or this is why it does not. `billed` is false where
    it certainly was not; `kept` is true where an earlier attempt made it."""

    slot: Slot
    result: StoredImage | ImagingError
    noted: bool = True
    billed: bool = True
    kept: bool = False


@dataclass(frozen=True)
class Maker:
    """Makes what a plan asks for, for one caller. `generation_id` names the images, so that a repeat overwrites.

    An image that an earlier attempt at the generation left within `resume_seconds` is not made again. Its call is the
    unit: where one call makes several images, all of them are kept or all are made.
    """

    invoke: Invoke
    gallery: Gallery
    home_region: str
    owner: str
    generation_id: uuid.UUID
    deadline: Deadline
    resume_seconds: float
    sleep: Callable[[float], None]

    def make(self, route: Route, plan: Plan) -> list[Made]:
        """What came of each image asked for, in their order."""
        kept = self._kept(plan)
        with ThreadPoolExecutor(max_workers=len(plan.calls)) as pool:
            runs = [pool.submit(copy_context().run, self._resume, route, plan, call, kept) for call in plan.calls]
        return [made for run in runs for made in run.result()]

    def missing(self, plan: Plan) -> int:
        """How many of the images that a plan asks for would be made, because no earlier attempt left them."""
        kept = self._kept(plan)
        return sum(len(call.slots) for call in plan.calls if not self._is_kept(call, kept))

    def left(self, plan: Plan, why_no_more: ImagingError) -> list[Made]:
        """The images that an earlier attempt left, and in the place of each other one why it is not made."""
        kept = self._kept(plan)
        slots = [slot for call in plan.calls for slot in call.slots]
        found = [(slot, kept.get(self._image_id(slot))) for slot in slots]
        return [Made(slot, image or why_no_more, billed=False, kept=image is not None) for slot, image in found]

    def _kept(self, plan: Plan) -> Mapping[str, StoredImage]:
        if self.resume_seconds <= 0:
            return {}
        ids = [self._image_id(slot) for call in plan.calls for slot in call.slots]
        return self.gallery.kept(self.owner, plan.model.id, ids, self.resume_seconds)

    def _resume(self, route: Route, plan: Plan, call: Call, kept: Mapping[str, StoredImage]) -> list[Made]:
        if not self._is_kept(call, kept):
            return self._run(route, plan, call)
        return [Made(slot, kept[self._image_id(slot)], kept=True) for slot in call.slots]

    def _is_kept(self, call: Call, kept: Mapping[str, StoredImage]) -> bool:
        return all(self._image_id(slot) in kept for slot in call.slots)

    def _image_id(self, slot: Slot) -> str:
        return str(uuid.uuid5(self.generation_id, str(slot.index)))

    def _run(self, route: Route, plan: Plan, call: Call) -> list[Made]:
        try:
            answer = self._ask(route, call)
        except ImagingError as error:
            return [Made(slot, error, billed=error.may_be_billed) for slot in call.slots]
        outcomes = _read(route, answer, len(call.slots))
        return [self._keep(plan, slot, outcome) for slot, outcome in zip(call.slots, outcomes, strict=True)]

    def _ask(self, route: Route, call: Call) -> Mapping[str, Any]:
        if self.deadline.for_model() <= 0:
            raise TimedOut("The function's time ran out before the model was asked. Send the request again.")
        body = route.model.schema.body(call.ask)
        try:
            return self.invoke(route.invoke_as, route.region(self.home_region), body, self.deadline.for_model)
        except BedrockError as error:
            _log_refusal(route, error)
            raise refusals.explain(error, route.model) from error

    def _keep(self, plan: Plan, slot: Slot, outcome: Outcome) -> Made:
        if isinstance(outcome, NoPicture):
            return Made(slot, _paid(_missing(outcome)))
        try:
            image, data = self._fitted(plan, slot, outcome)
            return Made(slot, image, noted=self._stored(plan, image, data))
        except png.NotAWholePng as error:
            unusable = ModelError(f"The model's image was not usable: {error}. Send the request again.")
            return Made(slot, _paid(unusable))
        except BucketError as error:
            return Made(slot, _paid(_not_kept(error)))

    def _stored(self, plan: Plan, image: StoredImage, data: bytes) -> bool:
        """Stores what was paid for, again and again while time remains. Raises BucketError."""
        for pause in STORE_AGAIN_AFTER_SECONDS:
            try:
                return self.gallery.keep(self.owner, plan.model.id, image, data)
            except BucketError as error:
                logger.warning("The bucket refused an image", image_id=image.id, aws_error=error.code)
                if not self.deadline.leaves(pause):
                    raise
                self.sleep(pause)
        return self.gallery.keep(self.owner, plan.model.id, image, data)

    def _fitted(self, plan: Plan, slot: Slot, picture: Picture) -> tuple[StoredImage, bytes]:
        native = Size(*png.dimensions(picture.data))
        data = fit(picture.data, native, plan.wanted)
        image = StoredImage(
            id=self._image_id(slot),
            seed=slot.seed if picture.seed is None else picture.seed,
            seed_index=slot.seed_index,
            width=plan.wanted.width,
            height=plan.wanted.height,
            native_width=native.width,
            native_height=native.height,
            bytes=len(data),
        )
        return image, data


def _read(route: Route, answer: Mapping[str, Any], images: int) -> Sequence[Outcome]:
    """What a model's answer holds; one that no schema foresaw holds nothing, and takes nothing else down."""
    try:
        return route.model.schema.read(answer, images)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        log_bug(error)
        return [NoPicture("failed", "the model's answer could not be read")] * images


def _log_refusal(route: Route, error: BedrockError) -> None:
    logger.warning(
        "Bedrock brought no answer", model=route.model.id, aws_error=error.code, aws_message=error.loggable_message
    )


def _paid(error: ImagingError) -> ImagingError:
    error.was_paid = True
    return error


def _missing(outcome: NoPicture) -> ImagingError:
    sentence = f"{outcome.reason[0].upper()}{outcome.reason[1:]}."
    if outcome.status == "blocked":
        return ContentBlocked(f"{sentence} {refusals.CONTENT_REMEDY}")
    return ModelError(f"{sentence} Send the request again.")


def _not_kept(error: BucketError) -> StorageFailed:
    refused = StorageFailed(
        "The image was made and is paid for, but the bucket refused it again and again. The operator must check the "
        "bucket and the function's role; after that send the request again, which makes and pays for the image anew.",
        aws_error=error.code,
    )
    refused.retry_after_seconds = None
    return refused
