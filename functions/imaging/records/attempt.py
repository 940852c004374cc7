"""One attempt at a generation, planned once: everything that its model calls need to know."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from imaging.deadline import Deadline
from imaging.planning.plan import Plan
from imaging.records.record import GenerationRecord, ModelCall
from imaging.requests.request import GenerationRequest


@dataclass(frozen=True)
class Attempt:
    """The record as this attempt holds it, the plans in the order in which models are tried, and when the function's
    time is up. An attempt that `waits_on_throttling` does not fall back from a throttled model.

    `calls` collects the model calls that may have been billed, also where the attempt fails.
    """

    record: GenerationRecord
    request: GenerationRequest
    plans: Sequence[Plan]
    deadline: Deadline
    waits_on_throttling: bool
    calls: list[ModelCall] = field(default_factory=list)

    @property
    def spent(self) -> int:
        """Micro-dollars that may have been billed."""
        return sum(call.micros for call in self.calls)
