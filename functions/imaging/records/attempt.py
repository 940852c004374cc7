"""One attempt at a generation: everything that its model calls need, planned once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from imaging.deadline import Deadline
from imaging.planning.plan import Plan
from imaging.records.record import GenerationRecord, ModelCall
from imaging.requests.request import GenerationRequest


@dataclass(frozen=True)
class Attempt:
    """The record as this attempt wrote it, the plans in the order in which models are called, and the function's time
    limit.

    `calls` collects the model calls that may have been billed, even if the attempt fails.
    """

    record: GenerationRecord
    request: GenerationRequest
    plans: Sequence[Plan]
    deadline: Deadline
    calls: list[ModelCall] = field(default_factory=list)
