"""Publishes and logs how generations ended, without their prompts."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from aws.bucket import key
from aws.events import EventError
from imaging import ports
from imaging.errors import CallerMustChange, ImagingError
from imaging.money import usd
from imaging.records.record import GenerationRecord
from imaging.requests.result import Generation
from observability import log_outcome, logger, metrics

COMPLETED, FAILED = "Generation Completed", "Generation Failed"


@dataclass(frozen=True)
class Announcer:
    """Publishes each outcome at least once. Consumers recognise a duplicate by the generation's id and the attempt's
    number. An event that cannot be published is logged and counted, and changes nothing else."""

    bus: ports.Bus
    now: Callable[[], float] = time.time

    def completed(self, record: GenerationRecord, generation: Generation) -> None:
        images = [{"id": image.id, "key": key(image.id), "seed": image.seed} for image in generation.stored]
        metrics.add_metric(name="GenerationSucceeded", unit=MetricUnit.Count, value=1)
        missing, cost_usd = len(generation.images) - len(images), usd(generation.cost_micros)
        log_outcome(
            caller=record.owner,
            generation_id=record.id,
            outcome="partial" if missing else "completed",
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
        log_outcome(
            caller=record.owner, generation_id=record.id, outcome="failed", code=error.code, aws_error=error.aws_error
        )
        self._publish(FAILED, record, {"code": error.code, "aws_error": error.aws_error})

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
