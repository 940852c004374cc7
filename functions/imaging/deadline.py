"""The function's time limit."""

import time
from collections.abc import Callable
from dataclasses import dataclass

SECONDS_TO_FINISH = 10
"""The time that a model call must leave to store images, write the record and answer."""


@dataclass(frozen=True)
class Deadline:
    """When the function times out, on a monotonic clock. All amounts are seconds."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        return max(self.at - self.clock(), 0)

    def leaves(self, seconds: float) -> bool:
        """Whether a pause of so many seconds leaves time to store images, write the record and answer."""
        return self.at - self.clock() - seconds > SECONDS_TO_FINISH / 2

    def for_model(self) -> float:
        """Seconds that a model call may still take."""
        return self.at - self.clock() - SECONDS_TO_FINISH
