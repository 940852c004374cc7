"""A pytest plugin that runs mutants: it collects the tests once, then forks a process for each mutant.

mutmut makes the mutants. A run of all tests without a mutant finds out which tests call which function, so a mutant
is tried with the tests that call the mutated function only, the fastest first, until one fails.
"""

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline
from mutmut.utils.format_utils import mangled_name_from_mutant_name

KILLED, SURVIVED, TIMED_OUT, UNTESTED = "killed", "survived", "timed out", "untested"

GRACE_SECONDS, SLOWER = 5.0, 4
"""A mutant may take so much longer than its tests took without it; then it counts as timed out."""


@dataclass
class Mutants:
    names: Sequence[str]
    processes: int
    seconds: float
    results_path: Path
    results: dict[str, str] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _items_by_function: dict[str, list[pytest.Item]] = field(default_factory=lambda: defaultdict(list))
    _running: dict[int, str] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._run_without_mutant(session.items)
        end = time.monotonic() + self.seconds
        for name in self.names:
            if time.monotonic() < end:
                self._start(name)
        while self._running:
            self._await_one()
        self.results_path.write_text(json.dumps(self.results, indent=1, sort_keys=True))
        return True

    def _run_without_mutant(self, items: Sequence[pytest.Item]) -> None:
        called: set[str] = set()
        trampoline.record_trampoline_hit = lambda name, caller: called.add(name)  # noqa: ARG005 - mutmut names them
        trampoline.set_mutant_under_test("stats")
        for item in items:
            called.clear()
            start = time.monotonic()
            if not _passes(item, None):
                pytest.exit(f"{item.nodeid} fails without a mutant", returncode=1)
            self._seconds[item.nodeid] = time.monotonic() - start
            for function in called:
                self._items_by_function[function].append(item)

    def _start(self, name: str) -> None:
        items = sorted(
            self._items_by_function.get(mangled_name_from_mutant_name(name), ()),
            key=lambda item: self._seconds[item.nodeid],
        )
        if not items:
            self.results[name] = UNTESTED
            return
        while len(self._running) >= self.processes:
            self._await_one()
        if process := os.fork():
            self._running[process] = name
        else:
            _try(name, items, GRACE_SECONDS + SLOWER * sum(self._seconds[item.nodeid] for item in items))

    def _await_one(self) -> None:
        process, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        self.results[self._running.pop(process)] = {0: SURVIVED, -signal.SIGALRM: TIMED_OUT}.get(code, KILLED)


def _try(name: str, items: Sequence[pytest.Item], seconds: float) -> None:
    """The forked process: exits with 0 if every test passes."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    trampoline.set_mutant_under_test(name)
    try:
        is_killed = any(not _passes(item, following) for item, following in _pairs(items))
    except BaseException:  # noqa: BLE001 - whatever ends the tests kills the mutant
        is_killed = True
    os._exit(int(is_killed))


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    yield from zip(items, [*items[1:], None], strict=True)


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    item._initrequest()  # type: ignore[attr-defined] # noqa: SLF001 - as the plugins that rerun tests do
    reports = runtestprotocol(item, log=False, nextitem=following)
    return not any(report.failed for report in reports)
