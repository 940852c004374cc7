"""Publishes and logs how generations ended, without their prompts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from aws_lambda_powertools.metrics import MetricUnit
from pydantic import Field
from typing_extensions import TypedDict

from aws.bucket import key
from aws.events import EventError
from imaging import ports
from imaging.errors import CallerMustChange, ImagingError
from imaging.money import usd
from imaging.records.record import GenerationRecord
from imaging.requests.result import Generation
from observability import logger, metrics

COMPLETED, FAILED = "Generation Completed", "Generation Failed"


class Ended(TypedDict):
    """What both events say."""

    id: Annotated[str, Field(description="The generation's id, which is the job's too.")]
    caller: Annotated[str, Field(description="The first 16 hex digits of the key's SHA-256, or `direct`.")]
    attempt: Annotated[int, Field(description="The number of the attempt that ended it.")]
    duration_seconds: Annotated[float, Field(description="From the start of the first attempt to its end.")]


class PublishedImage(TypedDict):
    """A stored image."""

    id: Annotated[str, Field(description="The image's id.")]
    key: Annotated[str, Field(description="Its key in the bucket.")]
    seed: Annotated[int, Field(description="The seed that the model used.")]


class Completed(Ended):
    """At least one image was stored."""

    model: Annotated[str, Field(description="Which model answered.")]
    cost_usd: Annotated[float, Field(description="What its images cost at the catalog's prices.")]
    images: Annotated[list[PublishedImage], Field(description="The images that were stored.")]
    missing: Annotated[int, Field(description="How many requested images were not made.")]
    warnings: Annotated[list[str], Field(description="The codes of its warnings.")]


class Failed(Ended):
    """There is no image."""

    code: Annotated[str, Field(description="The code as in the API's errors.")]
    aws_error: Annotated[str | None, Field(description="The name of AWS's exception, if there was one.")]


@dataclass(frozen=True)
class Announcer:
    """Publishes each outcome at least once. Consumers recognise a duplicate by the generation's id and the attempt's
    number. An event that cannot be published is logged and counted, and changes nothing else."""

    bus: ports.Bus
    now: Callable[[], float] = time.time

    def ended(self, record: GenerationRecord, why: ImagingError) -> None:
        """Publishes the end of a generation: its result, or `why` it has none."""
        if record.result:
            self.completed(record, record.result)
        else:
            self.failed(record, why)

    def completed(self, record: GenerationRecord, generation: Generation) -> None:
        images: list[PublishedImage] = [
            {"id": image.id, "key": key(image.id), "seed": image.seed} for image in generation.stored
        ]
        metrics.add_metric(name="GenerationSucceeded", unit=MetricUnit.Count, value=1)
        missing, cost_usd = len(generation.images) - len(images), usd(generation.cost_micros)
        _log(
            record,
            "partial" if missing else "completed",
            model=generation.model,
            images=len(images),
            cost_usd=cost_usd,
        )
        completed: Completed = {
            **self._ended(record),
            "model": generation.model,
            "cost_usd": cost_usd,
            "images": images,
            "missing": missing,
            "warnings": [warning.code for warning in generation.warnings],
        }
        self._publish(COMPLETED, completed)

    def failed(self, record: GenerationRecord, error: ImagingError) -> None:
        if not isinstance(error, CallerMustChange):
            metrics.add_metric(name="GenerationSucceeded", unit=MetricUnit.Count, value=0)
        _log(record, "failed", code=error.code, aws_error=error.aws_error)
        failed: Failed = {**self._ended(record), "code": error.code, "aws_error": error.aws_error}
        self._publish(FAILED, failed)

    def replayed(self, record: GenerationRecord, generation: Generation) -> None:
        """Logs that a caller got the images of an earlier request. The bus knows them already."""
        _log(record, "replayed", model=generation.model)

    def _ended(self, record: GenerationRecord) -> Ended:
        return {
            "id": record.id,
            "caller": record.owner,
            "attempt": record.attempts,
            "duration_seconds": round(self.now() - (record.started_at or record.created_at), 3),
        }

    def _publish(self, detail_type: str, detail: Completed | Failed) -> None:
        try:
            self.bus.publish(detail_type, detail)
        except EventError as error:
            metrics.add_metric(name="EventNotPublished", unit=MetricUnit.Count, value=1)
            logger.warning("An event was not published", detail_type=detail_type, id=detail["id"], aws_error=error.code)


def _log(
    record: GenerationRecord,
    outcome: Literal["completed", "partial", "failed", "replayed"],
    **facts: str | float | None,
) -> None:
    """One line with the caller, the outcome and what an operator filters by."""
    fields = {"caller": record.owner, "generation_id": record.id, "outcome": outcome, **facts}
    logger.info("A generation ended", extra={name: fact for name, fact in fields.items() if fact is not None})
