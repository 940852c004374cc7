"""One model's calls for an attempt, side by side, and each picture checked, fitted and stored."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from aws.bedrock import Answer, BedrockError, SecondsLeft
from aws.bucket import BucketError
from aws.table import Put
from imaging.errors import ContentBlocked, ImagingError, ModelError, StorageFailed, TimedOut
from imaging.images import png
from imaging.images.fitting import fit
from imaging.images.gallery import Gallery, Origin
from imaging.models import refusals
from imaging.models.schema import NoPicture, Outcome, Picture
from imaging.models.sizing import Size, scaled_into
from imaging.planning.plan import Call, Plan, Slot
from imaging.planning.routing import Route
from imaging.records.attempt import Attempt, RoutePlan
from imaging.records.record import ModelCall
from imaging.requests.result import ImageFacts, MissingImage, StoredImage
from imaging.requests.submission import image_id
from observability import log_bug, logger

Invoke = Callable[[str, str, Mapping[str, Any], SecondsLeft], Answer]

STORE_RETRY_SECONDS = (0.5, 1, 2, 4, 8)
"""Pauses before an image is stored again: it was paid for. Together less than API Gateway waits."""


class Parallel(Protocol):
    """Runs tasks side by side; answers with their results in order."""

    def __call__(self, tasks: "Sequence[Callable[[], list[Made]]]", /) -> "list[list[Made]]": ...


@dataclass(frozen=True)
class Made:
    """What came of one image: its facts, or the error that stands in its place. `may_be_billed` is false where its call
    certainly was not billed; `note` is the write of its record that the table refused."""

    slot: Slot
    result: ImageFacts | ImagingError
    may_be_billed: bool = True
    note: Put | None = None

    @property
    def error(self) -> ImagingError | None:
        return self.result if isinstance(self.result, ImagingError) else None

    @property
    def facts(self) -> ImageFacts:
        """The image's entry in the answer."""
        if not isinstance(self.result, ImagingError):
            return self.result
        status = "blocked" if isinstance(self.result, ContentBlocked) else "failed"
        return MissingImage(
            status=status, reason=self.result.detail, seed=self.slot.seed, seed_index=self.slot.seed_index
        )


def in_threads(tasks: "Sequence[Callable[[], list[Made]]]", /) -> "list[list[Made]]":
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        runs = [pool.submit(copy_context().run, task) for task in tasks]
    return [run.result() for run in runs]


@dataclass(frozen=True)
class Maker:
    """Makes the images of attempts. `now` is in epoch seconds."""

    invoke: Invoke
    gallery: Gallery
    home_region: str
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    parallel: Parallel = field(default=in_threads)

    def make(self, attempt: Attempt, chosen: RoutePlan) -> list[Made]:
        """What came of each image, in their order. Calls whose images are all settled are not made again.

        Model calls that may have been billed are added to the attempt's.
        """
        tasks = [_Task(self, attempt, chosen, call) for call in chosen.plan.calls]
        return [made for images in self.parallel(tasks) for made in images]


@dataclass(frozen=True)
class _Task:
    """One model call of an attempt, and what becomes of its pictures."""

    maker: Maker
    attempt: Attempt
    chosen: RoutePlan
    call: Call

    def __call__(self) -> list[Made]:
        """What came of each image; those of earlier attempts stay, even where the call fails that makes them again."""
        settled = self.attempt.record.settled
        if all(slot.index in settled for slot in self.call.slots):
            return [Made(slot, settled[slot.index]) for slot in self.call.slots]
        made = self._make()
        return [replace(one, result=settled.get(one.slot.index, one.result)) if one.error else one for one in made]

    def _make(self) -> list[Made]:
        try:
            answer = self._invoke()
        except ImagingError as error:
            return [Made(slot, error, error.may_be_billed) for slot in self.call.slots]
        outcomes = _read(self.chosen.route, answer.content, len(self.call.slots))
        return [self._keep(slot, outcome) for slot, outcome in zip(self.call.slots, outcomes, strict=True)]

    def _invoke(self) -> Answer:
        route, deadline = self.chosen.route, self.attempt.deadline
        if deadline.for_model() <= 0:
            raise TimedOut("The function's time ran out before the model was called. Send the request again.")
        body = route.model.schema.body(self.call.ask)
        try:
            answer = self.maker.invoke(route.invoke_as, route.region(self.maker.home_region), body, deadline.for_model)
        except BedrockError as error:
            _log_refusal(route, error)
            explained = refusals.explain(error, route.model)
            if explained.may_be_billed:
                self._count(error.request_id, error.code)
            raise explained from error
        self._count(answer.request_id, "answered")
        return answer

    def _count(self, request_id: str | None, outcome: str) -> None:
        self.attempt.calls.append(
            ModelCall(
                at=self.maker.now(),
                model=self.chosen.route.model_id,
                images=len(self.call.slots),
                price_micros=self.chosen.plan.price_micros,
                seed=self.call.ask.seed,
                request_id=request_id,
                outcome=outcome,
            )
        )

    def _keep(self, slot: Slot, outcome: Outcome) -> Made:
        if isinstance(outcome, NoPicture):
            return Made(slot, _missing(outcome))
        try:
            image, data = self._fitted(slot, outcome)
            note = self._stored(slot, image, data)
        except png.NotAWholePng as error:
            unusable = f"The model's image was not usable: {error}. Send the request again."
            return Made(slot, ModelError(unusable, was_paid=True))
        except BucketError as error:
            return Made(slot, _not_stored(error))
        return Made(slot, image, note=None if self.maker.gallery.note(note) else note)

    def _stored(self, slot: Slot, image: StoredImage, data: bytes) -> Put:
        """Stores what was paid for; answers with the write of its record. Raises BucketError."""
        origin = self._origin(slot)
        try:
            return self._store_patiently(origin, image, data)
        except BucketError:
            note = self.maker.gallery.stored_after_all(origin, image)
            if note is None:
                raise
            return note

    def _store_patiently(self, origin: Origin, image: StoredImage, data: bytes) -> Put:
        for pause in STORE_RETRY_SECONDS:
            try:
                return self.maker.gallery.store(origin, image, data)
            except BucketError as error:
                logger.warning("The bucket refused an image", image_id=image.id, aws_error=error.code)
                if not self.attempt.deadline.leaves(pause):
                    raise
                self.maker.sleep(pause)
        return self.maker.gallery.store(origin, image, data)

    def _origin(self, slot: Slot) -> Origin:
        record = self.attempt.record
        return Origin(
            record.owner,
            record.id,
            record.epoch,
            slot.index,
            record.requested,
            self.chosen.route.model_id,
            self.chosen.plan.price_micros,
        )

    def _fitted(self, slot: Slot, picture: Picture) -> tuple[StoredImage, bytes]:
        plan: Plan = self.chosen.plan
        native = Size(*png.dimensions(picture.data))
        wanted = scaled_into(native, plan.wanted) if plan.is_scaled else plan.wanted
        data = fit(picture.data, native, wanted)
        image = StoredImage(
            id=image_id(self.attempt.record.id, slot.index),
            seed=slot.seed if picture.seed is None else picture.seed,
            seed_index=slot.seed_index,
            width=wanted.width,
            height=wanted.height,
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


def _missing(outcome: NoPicture) -> ImagingError:
    sentence = f"{outcome.reason[0].upper()}{outcome.reason[1:]}."
    if outcome.status == "blocked":
        return ContentBlocked(f"{sentence} {refusals.CONTENT_REMEDY}", was_paid=True)
    return ModelError(f"{sentence} Send the request again.", was_paid=True)


def _not_stored(error: BucketError) -> StorageFailed:
    return StorageFailed(
        "The image was made and is paid for, but the bucket refused it again and again. The operator must check the "
        "bucket and the function's role; after that send the request again, which makes and pays for the image anew.",
        aws_error=error.code,
        was_paid=True,
    )
