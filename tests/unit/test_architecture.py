"""Imports go one way, and docs/architecture.md names what there is."""

import os
import re
import subprocess
import sys

import pytest

from tests.unit.template import TEMPLATE

ROOT = TEMPLATE.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PATHS = set(re.findall(r"`([\w./-]+(?:/|\.(?:py|yaml|md|toml|json)))`", PAGE))
PARTS = [path.name for path in (ROOT / "functions" / "imaging").iterdir() if path.is_dir()]
ROOTS = (ROOT, ROOT / "functions", ROOT / "functions" / "imaging")
ABBREVIATED = {"imaging", "aws", "model_run.py", "ledger.py", "schema.py"}
"""Files and folders that the page names after one beside them."""


def test_every_import_keeps_to_the_contracts() -> None:
    environment = {**os.environ, "PYTHONPATH": "functions:client:."}
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    checked = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`([\w./-]+(?:/|\.(?:py|yaml|md|toml|json)))`", PAGE)) - ABBREVIATED)
)
def test_the_map_names_what_there_is(path: str) -> None:
    assert any((root / path).exists() for root in ROOTS)


@pytest.mark.parametrize(
    "part", sorted(path.name for path in (ROOT / "functions" / "imaging").iterdir() if path.is_dir())
)
def test_every_part_of_imaging_is_on_the_map(part: str) -> None:
    assert part.startswith("_") or f"`{part}/`" in PAGE
