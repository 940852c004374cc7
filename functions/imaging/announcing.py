"""Tells the rest of the account what was generated, and what was not. Never the prompt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aws_lambda_powertools.metrics import MetricUnit

from aws.bucket import key
from aws.events import EventError
from imaging.errors import ImagingError
from imaging.result import MICROS_PER_USD, Generation
from observability import logger, metrics

COMPLETED, FAILED = "Generation Completed", "Generation Failed"


class Bus(Protocol):
    """Raises EventError."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Announcer:
    """Publishes outcomes. An event that cannot be published is logged and counted, and changes nothing else."""

    bus: Bus

    def completed(self, caller: str, generation: Generation, seconds: float) -> None:
        images = [{"id": image.id, "key": key(image.id), "seed": image.seed} for image in generation.stored]
        self._publish(
            COMPLETED,
            {
                "id": generation.id,
                "caller": caller,
                "model": generation.model,
                "cost_usd": generation.cost_micros / MICROS_PER_USD,
                "duration_seconds": round(seconds, 3),
                "images": images,
                "missing": len(generation.images) - len(images),
                "warnings": [warning.code for warning in generation.warnings],
            },
        )

    def failed(self, caller: str, generation_id: str, error: ImagingError, seconds: float) -> None:
        self._publish(
            FAILED,
            {
                "id": generation_id,
                "caller": caller,
                "code": error.code,
                "aws_error": error.aws_error,
                "duration_seconds": round(seconds, 3),
            },
        )

    def _publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        try:
            self.bus.publish(detail_type, detail)
        except EventError as error:
            metrics.add_metric(name="EventNotPublished", unit=MetricUnit.Count, value=1)
            logger.warning("An event was not published", detail_type=detail_type, id=detail["id"], aws_error=error.code)
