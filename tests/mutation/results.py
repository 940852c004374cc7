"""What is known of the mutants: a file that grows by one line for each that was tried, so that a run can go on."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant

KILLED, SURVIVED, TIMED_OUT, UNTESTED = "killed", "survived", "timed out", "untested"
NOTICED = {KILLED, TIMED_OUT}


@dataclass(frozen=True)
class Result:
    """`test` is the one that noticed. `source` and `tests` are hashes of the function and of the files of its tests, of
    `test` alone if there is one: while they stay, so does the result."""

    name: str
    outcome: str
    source: str
    tests: str
    test: str = ""


class Results:
    """The results in the file, by the mutants' names; the last of a name counts. `fresh` forgets them."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self._path = path
        if fresh:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        results = (Result(**json.loads(line)) for line in lines)
        self.by_name = {result.name: result for result in results}

    def add(self, result: Result) -> None:
        self.by_name[result.name] = result
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def scores(mutants: Iterable[Mutant], results: Mapping[str, Result], measured: Mapping[str, str]) -> dict[str, Any]:
    """The numbers of each module of which a mutant was tried."""
    counts: dict[str, Counter[str]] = {}
    for mutant in mutants:
        found = counts.setdefault(mutant.module, Counter())
        found["mutants"] += 1
        if mutant.name in results:
            found[results[mutant.name].outcome] += 1
    return {module: {**found, **measured} for module, found in counts.items() if len(found) > 1}


def noticed(score: Mapping[str, Any]) -> float:
    """The percentage of the mutants that tests notice."""
    tried = sum(score.get(outcome, 0) for outcome in (KILLED, TIMED_OUT, SURVIVED, UNTESTED))
    return 100 * sum(score.get(outcome, 0) for outcome in NOTICED) / max(tried, 1)
