"""A pytest plugin that tries mutants: it collects and runs the tests once, then forks a process for each mutant.

The run without a mutant records which test runs which line. A mutant is tried with the tests that run the changed
statement only, until one fails: first those that noticed most mutants of the same function, then the fastest.
"""

import contextlib
import gc
import hashlib
import os
import resource
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from coverage import Coverage
from mutmut.mutation import trampoline

from tests.mutation.mutants import Mutant
from tests.mutation.results import KILLED, NOTICED, SURVIVED, TIMED_OUT, UNTESTED, Result, Results

GRACE_SECONDS, SLOWER = 3.0, 5
"""A test may take so much longer with a mutant than without, of processor time; then the mutant has timed out."""

GRACE_WAITING_SECONDS, SLOWER_WAITING = 20.0, 10
"""The same of the clock's time, for a mutant that waits for ever. A busy machine is slow too, so it is longer."""

MEMORY_BYTES = 8 << 30
"""The address space of a mutant, which could otherwise take all memory of the machine."""


@dataclass
class Mutants:
    """`results` are used again where they hold, and extended. What runs at import alone is left in `at_import`."""

    mutants: Sequence[Mutant]
    processes: int
    seconds: float
    results: Results
    coverage: Coverage
    outcomes: dict[str, Result] = field(default_factory=dict)
    at_import: list[Mutant] = field(default_factory=list)
    _tests: "Tests" = field(init=False)
    _kills: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _running: dict[int, tuple[Mutant, Sequence[pytest.Item], int]] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._tests = Tests(session.items)
        self._tests.run(self.coverage)
        self._tests.run_forked()
        gc.collect()
        gc.freeze()  # the collector of a forked process would copy all memory
        end = time.monotonic() + self.seconds
        for mutant in self._unknown():
            if time.monotonic() < end:
                self._start(mutant)
        while self._running:
            self._await_one()
        return True

    def _unknown(self) -> list[Mutant]:
        """The mutants without a result that still holds. Those with an old one come first: a short run would otherwise
        forget the survivors whose tests changed, and keep the others."""
        for mutant in self.mutants:
            known = self.results.by_name.get(mutant.name)
            if known and known.outcome in NOTICED:
                self._kills[mutant.function][known.test] += 1
            if known and (known.source, known.tests) == (mutant.source, self._tests.digest(mutant, known.test)):
                self.outcomes[mutant.name] = known
        unknown = [mutant for mutant in self.mutants if mutant.name not in self.outcomes]
        return sorted(unknown, key=lambda mutant: mutant.name not in self.results.by_name)

    def _start(self, mutant: Mutant) -> None:
        items = self._tests.of(mutant, self._kills[mutant.function])
        if not items and self._tests.runs_at_import(mutant):
            self.at_import.append(mutant)
            return
        if not items:
            self._conclude(mutant, UNTESTED)
            return
        while len(self._running) >= self.processes:
            self._await_one()
        self._fork(mutant, items)

    def _fork(self, mutant: Mutant, items: Sequence[pytest.Item]) -> None:
        progress, write = os.pipe()
        process = _forked(lambda: self._tests.all_pass(mutant.name, items, write))
        os.close(write)
        self._running[process] = mutant, items, progress

    def _await_one(self) -> None:
        process, status = os.wait()
        mutant, items, progress = self._running.pop(process)
        started = _read(progress)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            self._conclude(mutant, SURVIVED)
            return
        is_late = code in {-signal.SIGALRM, -signal.SIGPROF}
        self._conclude(mutant, TIMED_OUT if is_late else KILLED, items[started - 1].nodeid)

    def _conclude(self, mutant: Mutant, outcome: str, test: str = "") -> None:
        if test:
            self._kills[mutant.function][test] += 1
        result = Result(mutant.name, outcome, mutant.source, self._tests.digest(mutant, test), test)
        self.outcomes[mutant.name] = result
        self.results.add(result)


class Tests:
    """The tests, how long each takes, and which lines it runs."""

    def __init__(self, items: Sequence[pytest.Item]) -> None:
        self._items = {item.nodeid: item for item in items}
        self._seconds: dict[str, float] = {}
        self._by_line: Mapping[str, Mapping[int, Collection[str]]] = {}

    def run(self, coverage: Coverage) -> None:
        """Runs all tests without a mutant."""
        for item, following in _pairs(list(self._items.values())):
            coverage.switch_context(item.nodeid)
            start = time.monotonic()
            if not _passes(item, following):
                pytest.exit(f"{item.nodeid} fails without a mutant", returncode=1)
            self._seconds[item.nodeid] = time.monotonic() - start
        coverage.stop()
        data = coverage.get_data()
        self._by_line = {file: data.contexts_by_lineno(file) for file in data.measured_files()}

    def run_forked(self) -> None:
        """A test that fails in a forked process would notice every mutant."""
        items = list(self._items.values())
        progress, write = os.pipe()
        process = _forked(lambda: self.all_pass("none", items, write))
        os.close(write)
        _, status = os.waitpid(process, 0)
        if status:
            failed = items[_read(progress) - 1].nodeid
            pytest.exit(f"{failed} fails in a forked process without a mutant", returncode=1)
        os.close(progress)

    def of(self, mutant: Mutant, kills: Counter[str]) -> list[pytest.Item]:
        """The tests that run the changed statement, the most promising first."""
        names = sorted(self._names(mutant), key=lambda name: (-kills[name], self._seconds[name]))
        return [self._items[name] for name in names]

    def runs_at_import(self, mutant: Mutant) -> bool:
        return any("" in tests for tests in self._on_lines(mutant))

    def digest(self, mutant: Mutant, test: str) -> str:
        """A hash of the files of the mutant's tests, or of one test's."""
        names = {test} if test else self._names(mutant)
        files = {self._items[name].path for name in names if name in self._items}
        return hashlib.sha256("".join(sorted(map(_digest, files))).encode()).hexdigest()[:12]

    def all_pass(self, mutant: str, items: Sequence[pytest.Item], progress: int) -> bool:
        """Runs in a forked process. Each test that starts is told to the process that waits."""
        _limit_memory()
        trampoline.set_mutant_under_test(mutant)
        for item, following in _pairs(items):
            os.write(progress, b".")
            seconds = self._seconds[item.nodeid]
            signal.setitimer(signal.ITIMER_PROF, GRACE_SECONDS + SLOWER * seconds)
            signal.setitimer(signal.ITIMER_REAL, GRACE_WAITING_SECONDS + SLOWER_WAITING * seconds)
            if not _passes(item, following):
                return False
        return True

    def _names(self, mutant: Mutant) -> set[str]:
        return {name for tests in self._on_lines(mutant) for name in tests if name}

    def _on_lines(self, mutant: Mutant) -> list[Collection[str]]:
        tests = self._by_line.get(str(mutant.file), {})
        return [tests.get(line, ()) for line in mutant.lines]


def _forked(work: Callable[[], bool]) -> int:
    """Starts a process that exits with 0 if the work returns true, and returns its id."""
    if process := os.fork():
        return process
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        is_good = work()
    except BaseException:  # noqa: BLE001 - whatever ends the tests kills the mutant
        is_good = False
    os._exit(int(not is_good))


def _read(progress: int) -> int:
    """How many tests a process has started that is over."""
    with os.fdopen(progress, "rb") as file:
        return len(file.read())


def _limit_memory() -> None:
    with contextlib.suppress(ValueError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _pairs(items: Sequence[pytest.Item]) -> list[tuple[pytest.Item, pytest.Item | None]]:
    return list(zip(items, [*items[1:], None], strict=True))


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    item._initrequest()  # type: ignore[attr-defined] # noqa: SLF001 - as the plugins that rerun tests do
    reports = runtestprotocol(item, log=False, nextitem=following)
    return not any(report.failed for report in reports)
