"""A virtual clock, and one task at a time: synchronous code runs as greenlets, in an order that a seed decides."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped] # its stubs are a package of their own


class Died(BaseException):
    """Unwinds a dead task at the end of the run; before that, a dead task never runs again."""


@dataclass(eq=False)
class Process:
    """What lives and dies as one: a function's invocation with its threads, or a client. `skew` is how wrong its time
    of day is. Only functions die of faults."""

    name: str
    skew: float = 0.0
    is_dead: bool = False
    is_over: bool = False
    is_function: bool = False
    table_faults: int = 0
    private: Any = None
    at_death: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_alive(self) -> bool:
        return not self.is_dead and not self.is_over


@dataclass(eq=False)
class Task:
    process: Process
    greenlet: greenlet
    ticket: int = 0
    about: Any = None


@dataclass(eq=False)
class Signal:
    """Set once; it resumes the tasks that wait for it."""

    scheduler: "Scheduler"
    is_set: bool = False
    value: Any = None
    waiting: list[tuple[Task, int]] = field(default_factory=list)

    def set(self, value: Any = None) -> None:  # noqa: ANN401 - whatever is waited for
        if self.is_set:
            return
        self.is_set, self.value = True, value
        for task, ticket in self.waiting:
            self.scheduler.resume_at(self.scheduler.now, task, ticket)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait, and return whether it was set in time."""
        if not self.is_set:
            task, ticket = self.scheduler.ticket()
            self.waiting.append((task, ticket))
            if seconds is not None:
                self.scheduler.resume_at(self.scheduler.now + seconds, task, ticket)
            self.scheduler.park()
        return self.is_set


@dataclass(eq=False)
class Scheduler:
    """`switched` is told of the process that runs until now and of the next one, where they differ."""

    now: float
    switched: Callable[[Process | None, Process], None] = field(default=lambda *_: None)
    current: Task | None = None
    is_closed: bool = False
    _agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: Any = field(default_factory=count)
    _hub: greenlet = field(default_factory=getcurrent)
    _tasks: list[Task] = field(default_factory=list)
    _before: Process | None = None

    @property
    def process(self) -> Process:
        assert self.current is not None
        return self.current.process

    def at(self, when: float, action: Callable[[], None]) -> None:
        heappush(self._agenda, (when, next(self._number), action))

    def start(self, process: Process, run: Callable[[], None], about: object = None, after: float = 0) -> Task:
        task = Task(process, greenlet(partial(self._run, run), self._hub), about=about)
        self._tasks.append(task)
        self.resume_at(self.now + after, task, task.ticket)
        return task

    def run(self, until: float) -> None:
        """Run tasks until this time; the clock jumps to each task's time."""
        while self._agenda and self._agenda[0][0] <= until:
            when, _, action = heappop(self._agenda)
            self.now = max(self.now, when)
            action()
        self.now = until

    def pause(self, seconds: float) -> None:
        task, ticket = self.ticket()
        self.resume_at(self.now + seconds, task, ticket)
        self.park()

    def kill(self, process: Process) -> None:
        """Stop its tasks for good; if it is the running process, this does not return."""
        if process.is_alive:
            process.is_dead = True
            for tell in process.at_death:
                tell()
        if self.current is not None and self.current.process is process:
            self.park()

    def parallel(self, runs: Sequence[Callable[[], Any]], about: Sequence[object]) -> list[Any]:
        """Run tasks of this process concurrently, and return their results in order; raise the first error."""
        results: dict[int, Any] = {}
        errors: dict[int, Exception] = {}
        done = Signal(self)

        def child(place: int, run: Callable[[], Any]) -> None:
            try:
                results[place] = run()
            except Exception as error:  # noqa: BLE001 - raised again where the results are asked for
                errors[place] = error
            if len(results) + len(errors) == len(runs):
                done.set()

        for place, (run, what) in enumerate(zip(runs, about, strict=True)):
            self.start(self.process, partial(child, place, run), what)
        done.wait()
        for place in sorted(errors):
            raise errors[place]
        return [results[place] for place in range(len(runs))]

    def close(self) -> None:
        """Unwind all remaining tasks; every service call of theirs fails."""
        self.is_closed = True
        for task in self._tasks:
            self.current = task
            with suppress(Died):
                task.greenlet.throw(Died)

    def ticket(self) -> tuple[Task, int]:
        """Return a function that resumes the current task once, where it parks next."""
        assert self.current is not None
        self.check()
        self.current.ticket += 1
        return self.current, self.current.ticket

    def resume_at(self, when: float, task: Task, ticket: int) -> None:
        self.at(when, partial(self._resume, task, ticket))

    def park(self) -> None:
        self._hub.switch()
        self.check()

    def check(self) -> None:
        if self.is_closed:
            raise Died

    def _resume(self, task: Task, ticket: int) -> None:
        if task.process.is_dead or task.ticket != ticket:
            return
        if task.process is not self._before:
            self.switched(self._before, task.process)
            self._before = task.process
        self.current = task
        task.greenlet.switch()
        self.current = None

    @staticmethod
    def _run(run: Callable[[], None]) -> None:
        with suppress(Died):
            run()
