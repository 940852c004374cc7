"""The quick benchmarks, once each, so that they do not rot: that they measure, not what."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.rows import ROWS
from local.places import DEFAULT_STATE, PROJECT, VENVS

QUICK = [name for name, row in ROWS.items() if row.quick]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    if not (VENVS / "bench" / ".done").exists():
        pytest.skip("what the benchmarks compare with is not installed; `make test` and `make bench` do")
    folder = tmp_path_factory.mktemp("bench")
    ended = subprocess.run(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "bench", "--rows", ",".join(QUICK), "--runs", "1"),
            *("--state", str(DEFAULT_STATE / "test-bench"), "--output", str(folder / "bench.json")),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return {row["name"]: row for row in json.loads(Path(folder / "bench.json").read_text())}


def test_each_quick_row_is_measured(figures: dict[str, dict[str, Any]]) -> None:
    measured = {name for name in figures if name in QUICK}
    assert measured == set(QUICK) - {"packages"}
    assert all(figures[name]["ratio"]["median"] > 0 for name in measured)


def test_each_function_has_a_package(figures: dict[str, dict[str, Any]]) -> None:
    packages = {name: row for name, row in figures.items() if name.startswith("package-")}
    assert {"package-ApiFunction", "package-AuthorizerFunction", "package-WorkerFunction"} <= set(packages)
    assert all(row["subject"] < row["baseline"] for row in packages.values())
