"""The simulated world: its clock, faults and history, and the services that product code calls."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import NoReturn, TypeVar

from aws.table import Page
from tests.simulation.scheduler import Scheduler
from tests.simulation.weather import Weather

Result = TypeVar("Result")

LATE_SECONDS = (1.0, 12.0)
"""The time of a slow answer, or of a time-out."""

NOTHING_DUE = Page([], None)
"""The answer of a sweep that finds nothing, which the history omits."""


class Violation(BaseException):
    """A broken invariant. No code under test may catch it."""


@dataclass(eq=False)
class World:
    seed: int
    scheduler: Scheduler
    random: Random
    weather: Weather
    start: float
    history: list[tuple[float, str, str]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    steps: int = 0

    @property
    def now(self) -> float:
        return self.scheduler.now

    def process_now(self) -> float:
        """Return the time of day of the running process."""
        return self.scheduler.now + self.scheduler.process.skew

    def clock(self) -> float:
        return self.scheduler.now

    def sleep(self, seconds: float) -> None:
        self.steps += 1
        self.scheduler.pause(seconds)

    def log(self, text: str) -> None:
        task = self.scheduler.current
        self.history.append((self.now, task.process.name if task else "-", text))

    def violated(self, text: str) -> NoReturn:
        self.log(f"VIOLATION: {text}")
        raise Violation(text)

    def expect(self, holds: object, text: str) -> None:
        if not holds:
            self.violated(text)

    def call(
        self,
        service: str,
        what: str,
        apply: Callable[[], Result],
        refused: Callable[[str], Exception],
        *,
        seconds: tuple[float, float] = (0.002, 0.03),
    ) -> Result:
        """Simulate a service call: its time and its outcome are random."""
        self.scheduler.check()
        self.steps += 1
        fate = self.weather.fate(service, self.now, self.random)
        self.seen[f"{service} {fate}"] += 1
        self.scheduler.process.table_faults += service == "table" and fate in {"refused", "lost"}
        self.scheduler.pause(self.random.uniform(*seconds))
        if fate == "died before":
            self.die(f"{service}.{what}: died before")
        if fate == "refused":
            self.log(f"{service}.{what}: refused")
            raise refused("InternalServerError")
        error: Exception | None = None
        result: Result | None = None
        try:
            result = apply()
        except Exception as raised:  # noqa: BLE001 - handed over when the answer arrives
            error = raised
        if what != "list due" or error or result != NOTHING_DUE or fate != "answered":
            self.log(f"{service}.{what}: {_outcome(fate, error)}")
        if fate == "died after":
            self.die(f"{service}.{what}: died after")
        is_late = fate == "slow" or (fate == "lost" and self.random.random() < 0.5)
        self.scheduler.pause(self.random.uniform(*LATE_SECONDS) if is_late else self.random.uniform(*seconds))
        if fate == "lost":
            raise refused("ReadTimeoutError")
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # of a call that raised nothing

    def die(self, why: str) -> None:
        """Kill the running process, unless it is a client."""
        if not self.scheduler.process.is_function:
            return
        self.log(why)
        self.scheduler.kill(self.scheduler.process)

    def lines(self) -> Iterator[str]:
        """Return the history as text."""
        yield f"seed {self.seed}, from {datetime.fromtimestamp(self.start, UTC):%Y-%m-%d %H:%M:%S} UTC"
        for when, who, text in self.history:
            yield f"{when - self.start:12.3f}  {who:<14} {text}"


def _outcome(fate: str, error: Exception | None) -> str:
    said = f"{type(error).__name__}{error.args}" if error else "ok"
    return said if fate == "answered" else f"{said}, {fate}"


@contextmanager
def replaced(*changes: tuple[object, str, object]) -> Iterator[None]:
    """Replace attributes of modules and classes for as long as the context lasts."""
    before = [
        (owner, name, vars(owner)[name] if isinstance(owner, type) else getattr(owner, name))
        for owner, name, _ in changes
    ]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
