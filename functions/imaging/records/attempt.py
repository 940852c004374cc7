"""One attempt at a generation, planned once: everything that its model calls need to know."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from imaging.deadline import Deadline
from imaging.planning.plan import Plan
from imaging.planning.routing import Route
from imaging.records.record import GenerationRecord, ModelCall
from imaging.requests.request import GenerationRequest


@dataclass(frozen=True)
class RoutePlan:
    """A model that may answer, and how it would."""

    route: Route
    plan: Plan

    def missing(self, settled: "frozenset[int]") -> int:
        """How many images its calls would make. A call makes all of its images or none."""
        calls = (call.slots for call in self.plan.calls)
        return sum(len(slots) for slots in calls if any(slot.index not in settled for slot in slots))


@dataclass(frozen=True)
class Attempt:
    """The record as this attempt holds it, the plans in the order in which models are tried, and when the function's
    time is up. An attempt that `waits_on_throttling` does not fall back from a throttled model.

    `calls` collects the model calls that may have been billed, also where the attempt fails.
    """

    record: GenerationRecord
    request: GenerationRequest
    plans: Sequence[RoutePlan]
    deadline: Deadline
    waits_on_throttling: bool
    calls: list[ModelCall] = field(default_factory=list)

    @property
    def spent(self) -> int:
        """Micro-dollars that may have been billed."""
        return sum(call.micros for call in self.calls)


def max_price(plans: Sequence[RoutePlan], settled: Sequence[int] = ()) -> int:
    """Micro-dollars that the images that are missing may cost at most, whichever model answers."""
    return max(each.plan.price_micros * each.missing(frozenset(settled)) for each in plans)
