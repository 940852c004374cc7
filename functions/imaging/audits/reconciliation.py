"""Holds the ledger against Bedrock's own count, so that a hole in the spend cap shows itself within a day."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from imaging import ports
from imaging.records.ledger import Ledger
from observability import logger

KEY = "audit#ledger"

KEPT = timedelta(days=40)


@dataclass(frozen=True)
class Reconciliation:
    """Compares the images that the ledger counted since the last comparison with those that Bedrock made.

    `images_made` counts those of every model that the roles may call, between two times in epoch seconds.
    """

    ledger: Ledger
    table: ports.Table
    images_made: Callable[[float, float], int]
    now: Callable[[], float] = time.time

    def uncounted(self) -> int | None:
        """How many images Bedrock made that the ledger did not count since the last comparison; negative if the ledger
        counted more, for it counts too many in doubt. None at the first time, and again within the same minute.

        Raises TableError, DependencyUnavailable, MonitoringError.
        """
        until, months = self._minute(), self.ledger.images_by_month()
        before = self.table.get(KEY)
        if before and until <= before["until"]:
            return None
        difference = None
        if before:
            counted = sum(months.values()) - sum(self._known(before, months).values())
            made = self.images_made(float(before["until"]), until)
            difference = made - counted
            logger.info("The ledger was compared with Bedrock", made=made, counted=counted)
        self.table.put(KEY, {"until": int(until), "images": dict(months)}, int(until + KEPT.total_seconds()))
        return difference

    def _known(self, before: Mapping[str, object], months: Mapping[str, int]) -> Mapping[str, int]:
        """What the last comparison had counted, of the months that are compared now."""
        images = before["images"]
        return {month: int(images.get(month, 0)) for month in months} if isinstance(images, Mapping) else {}

    def _minute(self) -> float:
        """CloudWatch counts whole minutes."""
        return self.now() // 60 * 60
