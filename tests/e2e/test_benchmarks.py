"""The quick benchmarks, once each, so that they do not rot: that they measure, not what."""

import pytest

from bench.__main__ import measured
from bench.laptop import attached
from bench.rows import ROWS
from local.places import VENVS, Places
from tests.e2e.laptop import Stack

QUICK = [name for name, row in ROWS.items() if row.quick]
PACKAGES = "packages"
"""Gives a row for each function instead of one of this name."""


@pytest.mark.usefixtures("emulator")
def test_the_quick_rows_are_measured(stack: Stack) -> None:
    assert (VENVS / "bench" / ".done").exists(), "`make test` installs what the benchmarks compare with"
    failed: list[str] = []
    with attached(Places(stack.folder)) as laptop:
        results = {result.name: result for result in measured(laptop, QUICK, 1, failed)}

    assert failed == []
    assert set(QUICK) - {PACKAGES} <= results.keys()
    assert {f"package-{name}" for name in stack.description["functions"]} <= results.keys()
    assert all(result.ratio.median > 0 for result in results.values() if result.ratio)
