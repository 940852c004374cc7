"""Requests to the handler in process, beside the bare script: time, memory and calls to the table."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.laptop import Function, Laptop
from bench.measure import Result, compared, interleaved
from bench.places import Place, Program, ThisMachine, serving
from bench.requests import FOUR_FITTED, NATIVE, Kind, WrongAnswer, ask_bare, ask_handler

FIRST_VERSION_TABLE_CALLS = 10
WARM_UPS = 3


@dataclass
class Sides:
    """The handler and the bare script, warm, for one kind of request."""

    laptop: Laptop
    function: Function
    handler: Program
    bare: Program
    kind: Kind
    subjects: list[dict[str, Any]] = field(default_factory=list)
    baselines: list[dict[str, Any]] = field(default_factory=list)

    def subject(self) -> float:
        self.subjects.append(dict(ask_handler(self.handler, self.laptop, self.function, self.kind)))
        return float(self.subjects[-1]["seconds"])

    def baseline(self) -> float:
        self.baselines.append(dict(ask_bare(self.bare, self.laptop, self.kind)))
        return float(self.baselines[-1]["seconds"])

    def warm_up(self) -> None:
        for _ in range(WARM_UPS):
            self.subject()
            self.baseline()
        self.subjects.clear()
        self.baselines.clear()


@contextmanager
def sides(laptop: Laptop, kind: Kind, place: Place | None = None) -> Iterator[Sides]:
    api, here = laptop.function("ApiFunction"), place or ThisMachine()
    variables = {**laptop.baseline(), "MODEL_REGION": kind.region}
    with serving(here, "handler.py", api.variables) as handler, serving(here, "bare.py", variables) as bare:
        yield Sides(laptop, api, handler, bare, kind)


def warm(laptop: Laptop, name: str, kind: Kind, runs: int, *, milliseconds: int = 0) -> list[Result]:
    """The row, and the processor time of the same requests."""
    laptop.configure()
    with sides(laptop, kind) as both:
        both.warm_up()
        laptop.configure(latency_ms=milliseconds)
        pairs = interleaved(both.subject, both.baseline, runs)
        require_billed(laptop, 2 * runs * kind.images)
        processor = [
            (mine["processor"], theirs["processor"]) for mine, theirs in zip(both.subjects, both.baselines, strict=True)
        ]
    return [compared(name, pairs), compared(f"processor-{name}", processor)]


def require_billed(laptop: Laptop, images: int) -> None:
    """Every measured request was a new generation, or the figures mean nothing."""
    billed = laptop.billed()
    if billed != images:
        raise WrongAnswer(f"{images} images were measured, and the model made {billed}")


def table_calls(laptop: Laptop, runs: int) -> list[Result]:
    laptop.configure()
    with sides(laptop, NATIVE) as both:
        both.warm_up()
        for _ in range(runs):
            both.subject()
        calls = [one["calls"] for one in both.subjects]
    pairs = [(float(each.get("dynamodb", 0)), float(FIRST_VERSION_TABLE_CALLS)) for each in calls]
    return [compared("table-calls", pairs, "calls", all_calls=calls[-1])]


def memory(laptop: Laptop, runs: int) -> list[Result]:
    laptop.configure()
    return [compared("memory-n4", (_peaks(laptop, FOUR_FITTED) for _ in range(runs)), "bytes")]


def _peaks(laptop: Laptop, kind: Kind) -> tuple[float, float]:
    """The peaks of two new processes after one request each."""
    with sides(laptop, kind) as both:
        both.subject()
        both.baseline()
    return float(both.subjects[0]["peak"]), float(both.baselines[0]["peak"])
