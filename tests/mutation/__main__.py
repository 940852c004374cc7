"""`make mutate`: changes the product's code in thousands of small ways, and counts the changes that no test notices.

python -m tests.mutation [--minutes 30] [--seed 1] [--processes 2] [functions/aws …]

It tries the mutants in random order until the time is over, so that a short run is a sample of all. It writes the
survivors to .local/mutation/survivors.diff, and the score of each module to tests/mutation/scores.json,
from which `make docs` makes the table in docs/security.md. It fails if tests notice fewer than the
floor.
"""

import argparse
import ast
import difflib
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import mangled_name_from_mutant_name

from tests.mutation.runner import KILLED, SURVIVED, TIMED_OUT, UNTESTED, Mutants

PROJECT = Path(__file__).resolve().parents[2]
FUNCTIONS = PROJECT / "functions"
FOLDER = PROJECT / ".local" / "mutation"
MUTATED = FOLDER / "functions"
SCORES = Path(__file__).with_name("scores.json")

PACKAGES = ("aws", "imaging")
FLOOR = 80
"""The percentage of the mutants that tests must notice."""

TESTS = [
    "tests/unit/imaging",
    "tests/unit/api",
    "tests/unit/test_auditor.py",
    "tests/unit/test_sweeper.py",
    "tests/integration/test_bedrock_adapter.py",
    "tests/integration/test_bucket_adapter.py",
    "tests/integration/test_deep_health.py",
    "tests/integration/test_events_adapter.py",
    "tests/integration/test_queue_adapter.py",
    "tests/integration/test_table_adapter.py",
]
OPTIONS = [
    "--quiet",
    "--import-mode=importlib",
    "--override-ini=addopts=",
    f"--override-ini=pythonpath={MUTATED} {PROJECT}",
    "--override-ini=timeout=0",  # mutants have a time limit of their own
    "--ignore=tests/unit/api/test_documentation.py",  # reads the documentation, for which packages are missing here
    "-pno:randomly",
    "-pno:xdist",
    "-pno:cacheprovider",
    "-knot ministack",
]


def main() -> None:
    arguments = _arguments()
    modules = [path for path in _modules() if any(path.is_relative_to(PROJECT / part) for part in arguments.paths)]
    names = _make(modules)
    random.Random(arguments.seed).shuffle(names)  # noqa: S311 - a sample that can be repeated
    found = FOLDER / "results.json"
    plugin = Mutants(names, arguments.processes, arguments.minutes * 60, found)
    if code := pytest.main([*OPTIONS, *TESTS], plugins=[plugin]):
        sys.exit(int(code))
    results = json.loads(found.read_text())
    (FOLDER / "survivors.diff").write_text("".join(_survivors(results)))
    _write_scores(results, Counter(name.rpartition(".")[0] for name in names))
    if (score := _score(results)) < FLOOR:
        sys.exit(f"The tests notice {score} % of the mutants; the floor is {FLOOR} %.")


def _score(results: Mapping[str, str]) -> int:
    noticed = sum(result in {KILLED, TIMED_OUT} for result in results.values())
    return 100 * noticed // max(len(results), 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="*", default=["functions"], help="the modules or packages to mutate")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((FUNCTIONS / package).rglob("*.py"))


def _make(modules: Sequence[Path]) -> list[str]:
    """Write the mutated code, and return the mutants' names."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(FUNCTIONS, MUTATED, ignore=shutil.ignore_patterns("__pycache__"))
    return [name for path in modules for name in _mutants(path)]


def _mutants(path: Path) -> Iterator[str]:
    relative = path.relative_to(FUNCTIONS)
    mutated = mutate_file_contents(str(relative), path.read_text())
    (MUTATED / relative).write_text(mutated.code)
    module = ".".join(relative.with_suffix("").parts)
    for name in mutated.mutant_names:
        yield f"{module}.{name}"


def _survivors(results: Mapping[str, str]) -> Iterator[str]:
    for name, result in results.items():
        if result in {SURVIVED, UNTESTED}:
            module, _, mutant = name.rpartition(".")
            code = (MUTATED / f"{module.replace('.', '/')}.py").read_text()
            original, changed = (_function(code, function) for function in (_original(mutant), mutant))
            yield f"{result}: {name}\n" + "".join(difflib.unified_diff(original, changed, n=1)) + "\n"


def _original(mutant: str) -> str:
    return f"{mangled_name_from_mutant_name(mutant)}__mutmut_orig"


def _function(code: str, name: str) -> list[str]:
    for node in ast.walk(_tree(code)):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return (ast.get_source_segment(code, node) or "").splitlines(keepends=True)[1:]
    return []


_trees: dict[str, ast.Module] = {}


def _tree(code: str) -> ast.Module:
    if code not in _trees:
        _trees[code] = ast.parse(code)
    return _trees[code]


def _write_scores(results: Mapping[str, str], mutants: Mapping[str, int]) -> None:
    scores: dict[str, Any] = json.loads(SCORES.read_text()) if SCORES.exists() else {}
    counts: dict[str, Counter[str]] = {}
    for name, result in results.items():
        counts.setdefault(name.rpartition(".")[0], Counter())[result] += 1
    measured = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit()}
    scores |= {module: {**found, "mutants": mutants[module], **measured} for module, found in counts.items()}
    SCORES.write_text(json.dumps(dict(sorted(scores.items())), indent=2) + "\n")
    sys.stdout.write("".join(f"{module}: {dict(found)}\n" for module, found in counts.items()))


def _commit() -> str:
    command = ["git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    main()
