"""Imports go one way."""

import os
import subprocess
import sys

from tests.unit.template import TEMPLATE


def test_every_import_keeps_to_the_contracts() -> None:
    environment = {**os.environ, "PYTHONPATH": "functions:."}
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    checked = subprocess.run(  # noqa: S603 - our own command
        command, cwd=TEMPLATE.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
