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
    time is up.

    `calls` collects the model calls that may have been billed, also where the attempt fails.
    """

    record: GenerationRecord
    request: GenerationRequest
    plans: Sequence[Plan]
    deadline: Deadline
    calls: list[ModelCall] = field(default_factory=list)

    @property
    def waits_on_throttling(self) -> bool:
        """A job's attempt does not fall back from a throttled model."""
        return self.record.is_job
