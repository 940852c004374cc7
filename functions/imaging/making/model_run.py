"""Runs one model's calls in parallel, and checks, fits and stores each image."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from aws_lambda_powertools.metrics import MetricUnit

import tracing
from aws.bedrock import Answer, BedrockError
from aws.bucket import BucketError
from aws.table import Put
from imaging import ports
from imaging.errors import ContentBlocked, ImagingError, ModelError, StorageFailed, Throttled, TimedOut
from imaging.ids import image_id
from imaging.images import decoding, png
from imaging.images.finishing import FinishedFile, Picture, finish
from imaging.images.gallery import Gallery, Origin
from imaging.images.signing import Signer
from imaging.making.outcome import ImageOutcome
from imaging.models import refusals
from imaging.models.schema import ModelOutput, NoImage, RawImage
from imaging.models.sizing import Size, scaled_into
from imaging.planning.plan import Call, Plan, Slot
from imaging.planning.route import Route
from imaging.records.attempt import Attempt
from imaging.records.record import ModelCall
from imaging.requests.result import StoredImage
from observability import log_bug, logger, metrics

SIGNING_SECONDS = 12
"""The most that signing takes if KMS and SSM do not answer."""

STORE_RETRY_SECONDS = (0.5, 1, 2, 4, 8)
"""Delays between retries of storing an image, which was paid for: 15.5 s in total."""


class Parallel(Protocol):
    """Runs tasks in parallel and returns their results in order."""

    def __call__(self, tasks: "Sequence[Callable[[], list[ImageOutcome]]]", /) -> "list[list[ImageOutcome]]": ...


def in_threads(tasks: "Sequence[Callable[[], list[ImageOutcome]]]", /) -> "list[list[ImageOutcome]]":
    if len(tasks) == 1:
        return [task() for task in tasks]
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        runs = [pool.submit(copy_context().run, task) for task in tasks]
    return [run.result() for run in runs]


@dataclass(frozen=True)
class ModelRunner:
    """Makes images with one model. `now` returns epoch seconds."""

    invoke: ports.Invoke
    gallery: Gallery
    home_region: str
    signer: Signer | None = None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    parallel: Parallel = field(default=in_threads)

    def run(self, attempt: Attempt, plan: Plan) -> list[ImageOutcome]:
        """The outcome of each image, in order. A call is skipped if all of its images are settled.

        Model calls that may have been billed are added to `attempt.calls`.
        """
        if not plan.is_native:
            decoding.prepare()
        tasks = [_ModelRun(self, attempt, plan, call) for call in plan.calls]
        return [outcome for outcomes in self.parallel(tasks) for outcome in outcomes]


@dataclass(frozen=True)
class _ModelRun:
    """One model call of an attempt, and the handling of its images."""

    runner: ModelRunner
    attempt: Attempt
    plan: Plan
    call: Call

    def __call__(self) -> list[ImageOutcome]:
        """The outcome of each image. Images of earlier attempts stay, even if the call that makes them again fails."""
        settled = self.attempt.record.settled
        if all(slot.index in settled for slot in self.call.slots):
            return [ImageOutcome(slot, settled[slot.index]) for slot in self.call.slots]
        outcomes = self._outcomes()
        return [replace(one, result=settled.get(one.slot.index, one.result)) if one.error else one for one in outcomes]

    def _outcomes(self) -> list[ImageOutcome]:
        try:
            outputs = deque(_read(self.plan.route, self._invoke(), len(self.call.slots)))
        except ImagingError as error:
            return [ImageOutcome(slot, error, error.may_be_billed) for slot in self.call.slots]
        # Each image's bytes are let go of before the next is fitted.
        return [self._handle(slot, outputs.popleft()) for slot in self.call.slots]

    def _invoke(self) -> Answer:
        route, deadline = self.plan.route, self.attempt.deadline
        if deadline.for_model() <= 0:
            raise TimedOut("The function's time ran out before the model was called. Send the request again.")
        body = route.model.schema.body(self.call.ask)
        began = self.runner.now()
        try:
            with tracing.step("## model call", generation_id=self.attempt.record.id, model=route.model.id):
                answer = self.runner.invoke(
                    route.invoke_as, route.region(self.runner.home_region), body, deadline.for_model
                )
        except BedrockError as error:
            _log_refusal(route, error)
            explained = refusals.explain(error, route.model)
            if isinstance(explained, Throttled):
                metrics.add_metric(name="ModelThrottled", unit=MetricUnit.Count, value=1)
            if explained.may_be_billed:
                self._record_call(error.request_id, error.code)
            raise explained from error
        metrics.add_metric(name="ModelTime", unit=MetricUnit.Seconds, value=self.runner.now() - began)
        self._record_call(answer.request_id, "answered")
        return answer

    def _record_call(self, request_id: str | None, outcome: str) -> None:
        self.attempt.calls.append(
            ModelCall(
                at=self.runner.now(),
                model=self.plan.route.model.id,
                images=len(self.call.slots),
                price_micros=self.plan.price_micros,
                seed=self.call.ask.seed,
                request_id=request_id,
                outcome=outcome,
            )
        )

    def _handle(self, slot: Slot, output: ModelOutput) -> ImageOutcome:
        if isinstance(output, NoImage):
            return ImageOutcome(slot, _missing(output))
        try:
            image, data = self._fit(slot, output)
            note = self._store(slot, image, data)
        except png.NotAWholePng as error:
            unusable = f"The model's image was not usable: {error}. Send the request again."
            return ImageOutcome(slot, ModelError(unusable, was_paid=True))
        except BucketError as error:
            return ImageOutcome(slot, _not_stored(error))
        return ImageOutcome(
            slot,
            image,
            note=None if self._is_written(note) else note,
            is_unsigned=self.runner.signer is not None and image.manifest != "operator",
        )

    def _is_written(self, note: Put) -> bool:
        """Whether the image's record is written before the attempt's end, which writes an only image's at once."""
        return self.attempt.record.requested > 1 and self.runner.gallery.write(note)

    def _store(self, slot: Slot, image: StoredImage, data: bytes) -> Put:
        """Stores the image and returns the write of its record. Raises BucketError."""
        origin = self._origin(slot)
        try:
            return self._store_with_retries(origin, image, data)
        except BucketError:
            note = self.runner.gallery.confirmed(origin, image)
            if note is None:
                raise
            return note

    def _store_with_retries(self, origin: Origin, image: StoredImage, data: bytes) -> Put:
        for pause in STORE_RETRY_SECONDS:
            try:
                return self.runner.gallery.store(origin, image, data)
            except BucketError as error:
                logger.warning("The bucket refused an image", image_id=image.id, aws_error=error.code)
                if not self.attempt.deadline.leaves(pause):
                    raise
                self.runner.sleep(pause)
        return self.runner.gallery.store(origin, image, data)

    def _origin(self, slot: Slot) -> Origin:
        record = self.attempt.record
        return Origin(
            record.owner,
            record.id,
            record.epoch,
            slot.index,
            record.requested,
            self.plan.route.model.id,
            self.plan.price_micros,
        )

    def _fit(self, slot: Slot, raw: RawImage) -> tuple[StoredImage, bytes]:
        native = Size(*png.dimensions(raw.data))
        wanted = scaled_into(native, self.plan.wanted) if self.plan.is_scaled else self.plan.wanted
        file = self._finish(raw.data, native, wanted)
        image = StoredImage(
            id=image_id(self.attempt.record.id, slot.index),
            seed=slot.seed if raw.seed is None else raw.seed,
            seed_index=slot.seed_index,
            width=wanted.width,
            height=wanted.height,
            native_width=native.width,
            native_height=native.height,
            bytes=len(file.data),
            sha256=hashlib.sha256(file.data).hexdigest(),
            manifest=file.manifest,
            signed_by=file.signed_by,
        )
        return image, file.data

    def _finish(self, data: bytes, native: Size, wanted: Size) -> FinishedFile:
        signer = self.runner.signer if self.attempt.deadline.leaves(SIGNING_SECONDS) else None
        picture = Picture(data, native, self.plan.route.model.id, self.runner.now())
        return finish(picture, wanted, signer)


def _read(route: Route, answer: Answer, images: int) -> Sequence[ModelOutput]:
    """The images in a model's answer. What is missing because of a guardrail is blocked."""
    outputs = _read_content(route, answer.content, images)
    if answer.guardrail is None:
        return outputs
    refused = NoImage("blocked", f"the guardrail {answer.guardrail} refused the prompt or the image")
    return [refused if isinstance(output, NoImage) else output for output in outputs]


def _read_content(route: Route, answer: Mapping[str, Any], images: int) -> Sequence[ModelOutput]:
    """An unexpected answer counts as failed images and is logged as a bug."""
    try:
        return route.model.schema.read(answer, images)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        log_bug(error)
        return [NoImage("failed", "the model's answer could not be read")] * images


def _log_refusal(route: Route, error: BedrockError) -> None:
    logger.warning(
        "A model call failed", model=route.model.id, aws_error=error.code, aws_message=error.loggable_message
    )


def _missing(output: NoImage) -> ImagingError:
    sentence = f"{output.reason[0].upper()}{output.reason[1:]}."
    if output.status == "blocked":
        return ContentBlocked(f"{sentence} {refusals.CONTENT_REMEDY}", was_paid=True)
    return ModelError(f"{sentence} Send the request again.", was_paid=True)


def _not_stored(error: BucketError) -> StorageFailed:
    return StorageFailed(
        "The image was made and is paid for, but the bucket refused it repeatedly. The operator must check the bucket "
        "and the function's role. After that send the request again, which generates and pays for the image again.",
        aws_error=error.code,
        was_paid=True,
    )
