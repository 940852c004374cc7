"""Publishes and logs how generations ended, without their prompts."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aws_lambda_powertools.metrics import MetricUnit

from aws.bucket import key
from aws.events import EventError
from imaging import ports
from imaging.errors import CallerMustChange, ImagingError
from imaging.money import usd
from imaging.records.record import GenerationRecord
from imaging.requests.result import Generation
from observability import logger, metrics

COMPLETED, FAILED = "Generation Completed", "Generation Failed"


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
        images = [{"id": image.id, "key": key(image.id), "seed": image.seed} for image in generation.stored]
        metrics.add_metric(name="GenerationSucceeded", unit=MetricUnit.Count, value=1)
        missing, cost_usd = len(generation.images) - len(images), usd(generation.cost_micros)
        _log(
            record,
            "partial" if missing else "completed",
            model=generation.model,
            images=len(images),
            cost_usd=cost_usd,
        )
        self._publish(
            COMPLETED,
            record,
            {
                "model": generation.model,
                "cost_usd": cost_usd,
                "images": images,
                "missing": missing,
                "warnings": [warning.code for warning in generation.warnings],
            },
        )

    def failed(self, record: GenerationRecord, error: ImagingError) -> None:
        if not isinstance(error, CallerMustChange):
            metrics.add_metric(name="GenerationSucceeded", unit=MetricUnit.Count, value=0)
        _log(record, "failed", code=error.code, aws_error=error.aws_error)
        self._publish(FAILED, record, {"code": error.code, "aws_error": error.aws_error})

    def replayed(self, record: GenerationRecord, generation: Generation) -> None:
        """Logs that a caller got the images of an earlier request. The bus knows them already."""
        _log(record, "replayed", model=generation.model)

    def _publish(self, detail_type: str, record: GenerationRecord, facts: Mapping[str, Any]) -> None:
        detail = {
            "id": record.id,
            "caller": record.owner,
            "attempt": record.attempts,
            "duration_seconds": round(self.now() - (record.started_at or record.created_at), 3),
            **facts,
        }
        try:
            self.bus.publish(detail_type, detail)
        except EventError as error:
            metrics.add_metric(name="EventNotPublished", unit=MetricUnit.Count, value=1)
            logger.warning("An event was not published", detail_type=detail_type, id=record.id, aws_error=error.code)


def _log(
    record: GenerationRecord,
    outcome: Literal["completed", "partial", "failed", "replayed"],
    **facts: str | float | None,
) -> None:
    """One line with the caller, the outcome and what an operator filters by."""
    fields = {"caller": record.owner, "generation_id": record.id, "outcome": outcome, **facts}
    logger.info("A generation ended", extra={name: fact for name, fact in fields.items() if fact is not None})
