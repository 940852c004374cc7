"""`make mutate`: changes the product's code in thousands of small ways, and counts the changes that no test notices.

python -m tests.mutation [--minutes 30] [--seed 1] [--processes 2] [--fresh] [functions/aws …]

It tries the mutants in random order until the time is over, so that a short run is a sample of all. Results are kept
in .local/mutation, so the next run goes on where this one ended, and tries again only what changed: functions, and the
files of their tests. It writes the survivors to .local/mutation/survivors.diff, and the score of each module to
tests/mutation/scores.json, from which `make docs` makes the table in docs/security.md. It fails if tests notice fewer
mutants than the floors.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from tests.mutation import mutants
from tests.mutation.mutants import Mutant
from tests.mutation.results import KILLED, SURVIVED, UNTESTED, Result, Results, noticed, scores
from tests.mutation.runner import Mutants

PROJECT = Path(__file__).resolve().parents[2]
FUNCTIONS = PROJECT / "functions"
FOLDER = PROJECT / ".local" / "mutation"
MUTATED = FOLDER / "functions"
SCORES = Path(__file__).with_name("scores.json")

PACKAGES = ("aws", "imaging")
FLOORS = {"": 85}
"""The percentage of the mutants that tests must notice, by the start of the modules' names."""

TESTS = [
    "tests/unit/imaging",
    "tests/unit/api",
    "tests/unit/test_auditor.py",
    "tests/unit/test_metrics.py",
    "tests/unit/test_observability.py",
    "tests/unit/test_sweeper.py",
    "tests/integration/test_audit_adapters.py",
    "tests/integration/test_bedrock_adapter.py",
    "tests/integration/test_bucket_adapter.py",
    "tests/integration/test_deep_health.py",
    "tests/integration/test_events_adapter.py",
    "tests/integration/test_idle_clients.py",
    "tests/integration/test_metrics_of_bedrock.py",
    "tests/integration/test_queue_adapter.py",
    "tests/integration/test_signing_key_adapter.py",
    "tests/integration/test_table_adapter.py",
    "tests/integration/test_unprocessed_keys.py",
]
TESTS_OF_IMPORTS = [
    "tests/unit/api/test_models_route.py",
    "tests/unit/imaging/making/test_images.py",
    "tests/unit/imaging/planning",
]
"""The tests of what runs when modules are imported, which takes a process for each mutant."""

OPTIONS = [
    "--quiet",
    "--import-mode=importlib",
    "--override-ini=addopts=",
    f"--override-ini=pythonpath={MUTATED} {PROJECT}",
    "--override-ini=timeout=0",  # mutants have a time limit of their own
    "--ignore=tests/unit/api/test_documentation.py",  # reads the documentation
    "-pno:randomly",
    "-pno:xdist",
    "-pno:cacheprovider",
    "-knot ministack",
]


def main() -> None:
    arguments = _arguments()
    modules = [path for path in _modules() if any(path.is_relative_to(PROJECT / part) for part in arguments.paths)]
    made = mutants.make(FUNCTIONS, MUTATED, modules)
    results = Results(FOLDER / "results.jsonl", fresh=arguments.fresh)
    outcomes = _try(arguments, made, results)
    (FOLDER / "survivors.diff").write_text("".join(_survivors(made, outcomes)))
    found = scores(made, outcomes, {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit()})
    SCORES.write_text(json.dumps(dict(sorted((json.loads(SCORES.read_text()) | found).items())), indent=2) + "\n")
    sys.stdout.write("".join(f"{module}: {noticed(score):.0f} % of {score}\n" for module, score in found.items()))
    if low := list(_below_floors(found)):
        sys.exit("\n".join(low))


def _try(arguments: argparse.Namespace, made: Sequence[Mutant], results: Results) -> Mapping[str, Result]:
    shuffled = list(made)
    random.Random(arguments.seed).shuffle(shuffled)  # noqa: S311 - a sample that can be repeated
    coverage = Coverage(data_file=None, config_file=False, include=[f"{MUTATED}/*"])
    coverage.start()
    plugin = Mutants(shuffled, arguments.processes, arguments.minutes * 60, results, coverage)
    if code := pytest.main([*OPTIONS, *TESTS], plugins=[plugin]):
        sys.exit(int(code))
    for mutant in plugin.at_import:
        result = Result(mutant.name, _outcome_at_import(mutant), mutant.source, "")
        results.add(result)
        plugin.outcomes[mutant.name] = result
    return plugin.outcomes


def _outcome_at_import(mutant: Mutant) -> str:
    command = [sys.executable, "-m", "pytest", "--exitfirst", *OPTIONS, *TESTS_OF_IMPORTS]
    environment = os.environ | {"MUTANT_UNDER_TEST": mutant.name}
    code = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, check=False).returncode  # noqa: S603
    return KILLED if code else SURVIVED


def _below_floors(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for start, floor in FLOORS.items():
        total: Counter[str] = Counter()
        for module, score in found.items():
            if module.startswith(start):
                total.update({name: number for name, number in score.items() if isinstance(number, int)})
        if total and (percentage := noticed(total)) < floor:
            yield f"The tests notice {percentage:.1f} % of the mutants of {start or 'all'}; the floor is {floor} %."


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="*", default=["functions"], help="the modules or packages to mutate")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="try all again, whatever is known of them")
    return parser.parse_args()


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((FUNCTIONS / package).rglob("*.py"))


def _survivors(made: Sequence[Mutant], outcomes: Mapping[str, Result]) -> Iterator[str]:
    for mutant in made:
        result = outcomes.get(mutant.name)
        if result and result.outcome in {SURVIVED, UNTESTED}:
            yield f"{result.outcome}: {mutant.name}\n{mutants.difference(mutant)}\n"


def _commit() -> str:
    command = ["git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    main()
