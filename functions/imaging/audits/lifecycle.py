"""What Bedrock says of the listed models, so that the operator learns of a model's end before callers do."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aws.bedrock import BedrockError, ModelStatus
from imaging import ports
from imaging.planning.route import Route
from observability import logger

NOTICE = timedelta(days=90)
"""How long before its end of life a model counts as ending."""

KEPT = timedelta(days=3)
"""How long an observation is shown; the next one is due after a day."""


@dataclass(frozen=True)
class Observation:
    """What Bedrock last said of a model. Dates are ISO 8601."""

    status: str
    is_available: bool
    end_of_life: str | None
    observed_at: str


@dataclass(frozen=True)
class Lifecycle:
    """Asks Bedrock for each listed model, and keeps the answer under `lifecycle#<model id>`."""

    status_of: ports.ModelStatusOf
    table: ports.Table
    routes: Sequence[Route]
    home_region: str
    now: Callable[[], float] = time.time

    def observe(self) -> int:
        """Keeps what Bedrock says of each listed model, and returns how many are retired, or will be within 90 days.

        Raises BedrockError after the last model if Bedrock did not answer for one; TableError.
        """
        ending, failed = 0, None
        for model_id, region in self._listed().items():
            try:
                status = self.status_of(model_id, region)
            except BedrockError as error:
                logger.warning("A model's lifecycle could not be read", model=model_id, aws_error=error.code)
                failed = error
                continue
            ending += self._note(model_id, status)
        if failed:
            raise failed
        return ending

    def observed(self, model_ids: Collection[str]) -> Mapping[str, Observation]:
        """The last observations of these models, by model id. Raises TableError."""
        found = self.table.get_many([_key(model_id) for model_id in model_ids])
        known = {model_id: found.get(_key(model_id)) for model_id in model_ids}
        return {model_id: _observation(record) for model_id, record in known.items() if record}

    def _listed(self) -> Mapping[str, str]:
        """The region in which each listed model is called, by its id."""
        return {route.model.id: route.region(self.home_region) for route in self.routes}

    def _note(self, model_id: str, status: ModelStatus) -> bool:
        is_ending = self._is_ending(status)
        end_of_life = status.end_of_life.isoformat() if status.end_of_life else None
        facts = {"status": status.status, "available": status.is_available, "end_of_life": end_of_life}
        if is_ending or not status.is_available:
            logger.warning("A listed model is ending or not available", extra={"model": model_id, **facts})
        observed_at = datetime.fromtimestamp(self.now(), UTC).isoformat()
        self.table.put(_key(model_id), {**facts, "observed_at": observed_at}, int(self.now() + KEPT.total_seconds()))
        return is_ending

    def _is_ending(self, status: ModelStatus) -> bool:
        if status.status == ModelStatus.RETIRED:
            return True
        last_day = datetime.fromtimestamp(self.now(), UTC) + NOTICE
        return status.end_of_life is not None and status.end_of_life <= last_day


def _observation(record: Mapping[str, object]) -> Observation:
    end = record.get("end_of_life")
    return Observation(
        str(record["status"]), bool(record["available"]), str(end) if end else None, str(record["observed_at"])
    )


def _key(model_id: str) -> str:
    return f"lifecycle#{model_id}"
