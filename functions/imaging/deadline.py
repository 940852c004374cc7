"""How long is left."""

import time
from dataclasses import dataclass

SECONDS_TO_FINISH = 10
"""What a model call leaves of the function's time, to store, record and answer."""


@dataclass(frozen=True)
class Deadline:
    """When the function's time is up, on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's context tells it, which Powertools asks for."""
        return max(int((self.at - time.monotonic()) * 1000), 0)

    def leaves(self, seconds: float) -> bool:
        """Whether a pause of so many seconds leaves time to store, record and answer."""
        return self.at - time.monotonic() - seconds > SECONDS_TO_FINISH / 2

    def for_model(self) -> float:
        """Seconds that a model call may still take."""
        return self.at - time.monotonic() - SECONDS_TO_FINISH
