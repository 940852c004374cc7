"""Runs subject and baseline in turn, and compares them pair by pair."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

Measured = Callable[[], float]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Spread:
    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Result:
    """One row. `subject` and `baseline` are medians; `ratio` is of each pair that was measured together."""

    name: str
    subject: float
    baseline: float | None
    ratio: Spread | None
    runs: int
    unit: str = "s"
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def interleaved(subject: Measured, baseline: Measured, runs: int) -> list[Pair]:
    """Each is first in every other pair, so that neither always follows the other's work."""
    return [_pair(subject, baseline, number) for number in range(runs)]


def _pair(subject: Measured, baseline: Measured, number: int) -> Pair:
    if number % 2 == 0:
        first = subject()
        return first, baseline()
    other = baseline()
    return subject(), other


def compared(name: str, pairs: Iterable[Pair], unit: str = "s", **details: object) -> Result:
    subjects, baselines = zip(*pairs, strict=True)
    ratio = Spread.of([subject / baseline for subject, baseline in zip(subjects, baselines, strict=True)])
    return Result(name, median(subjects), median(baselines), ratio, len(subjects), unit, details)


def percentile(values: Sequence[float], percent: int) -> float:
    """Within what was measured: never above the maximum."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]
