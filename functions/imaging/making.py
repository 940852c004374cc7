"""One model's attempt at a request: its calls side by side, and each picture checked, fitted and stored."""

import uuid
from collections.abc import Callable, Mapping
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
from observability import logger

Invoke = Callable[[str, str, Mapping[str, Any], SecondsLeft], Mapping[str, Any]]


@dataclass(frozen=True)
class Made:
    """What came of one image: it lies in the bucket, noted or not, or this is why it does not."""

    slot: Slot
    result: StoredImage | ImagingError
    noted: bool = True


@dataclass(frozen=True)
class Maker:
    """Makes what a plan asks for, for one caller. `generation_id` names the images, so that a repeat overwrites."""

    invoke: Invoke
    gallery: Gallery
    home_region: str
    owner: str
    generation_id: uuid.UUID
    deadline: Deadline

    def make(self, route: Route, plan: Plan) -> list[Made]:
        """What came of each image asked for, in their order."""
        with ThreadPoolExecutor(max_workers=len(plan.calls)) as pool:
            runs = [pool.submit(copy_context().run, self._run, route, plan, call) for call in plan.calls]
        return [made for run in runs for made in run.result()]

    def _run(self, route: Route, plan: Plan, call: Call) -> list[Made]:
        try:
            answer = self._ask(route, call)
        except ImagingError as error:
            return [Made(slot, error) for slot in call.slots]
        outcomes = route.model.schema.read(answer, len(call.slots))
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
            return Made(slot, _missing(outcome))
        try:
            image, data = self._fitted(plan, slot, outcome)
            return Made(slot, image, noted=self.gallery.keep(self.owner, plan.model.id, image, data))
        except png.NotAWholePng as error:
            return Made(slot, ModelError(f"The model's image was not usable: {error}. Send the request again."))
        except BucketError as error:
            return Made(slot, _not_kept(error))

    def _fitted(self, plan: Plan, slot: Slot, picture: Picture) -> tuple[StoredImage, bytes]:
        native = Size(*png.dimensions(picture.data))
        data = fit(picture.data, native, plan.wanted)
        image = StoredImage(
            id=str(uuid.uuid5(self.generation_id, str(slot.index))),
            seed=slot.seed if picture.seed is None else picture.seed,
            seed_index=slot.seed_index,
            width=plan.wanted.width,
            height=plan.wanted.height,
            native_width=native.width,
            native_height=native.height,
            bytes=len(data),
        )
        return image, data


def _log_refusal(route: Route, error: BedrockError) -> None:
    # What AWS says of an invalid request may quote the prompt; everything else it says helps whoever is on call.
    said = None if error.code == "ValidationException" else error.message
    logger.warning("Bedrock brought no answer", model=route.model.id, aws_error=error.code, aws_message=said)


def _missing(outcome: NoPicture) -> ImagingError:
    sentence = f"{outcome.reason[0].upper()}{outcome.reason[1:]}."
    if outcome.status == "blocked":
        return ContentBlocked(f"{sentence} {refusals.CONTENT_REMEDY}")
    return ModelError(f"{sentence} Send the request again.")


def _not_kept(error: BucketError) -> StorageFailed:
    return StorageFailed(
        "The image was made, but the bucket refused it. Send the request again; if it keeps failing, the operator must "
        "check the bucket and the function's role.",
        aws_error=error.code,
    )
