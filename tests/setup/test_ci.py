"""What runs for every change also runs in a clone that nothing lies beside."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.laptop import PROJECT

NEEDED = ("bash", "dirname", "env")


@pytest.mark.parametrize("failing", [None, "check", "test", "faults"])
def test_it_checks_and_tests_and_stops_at_the_first_failure(tmp_path: Path, failing: str | None) -> None:
    clone, programs, log = tmp_path / "clone", tmp_path / "programs", tmp_path / "log"
    (clone / ".ci").mkdir(parents=True)
    programs.mkdir()
    log.touch()
    (clone / ".ci" / "run").write_bytes((PROJECT / ".ci" / "run").read_bytes())
    for name in NEEDED:
        (programs / name).symlink_to(Path("/usr/bin") / name)
    make = programs / "make"
    make.write_text(f'#!/usr/bin/env bash\necho "$1" >> {log}\n[[ "$1" != {failing} ]]\n')
    make.chmod(0o755)

    ended = subprocess.run(  # noqa: S603 - our own script
        ["bash", clone / ".ci" / "run"],  # noqa: S607
        env=os.environ | {"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )

    targets = ["check", "test", "faults"]
    expected = targets[: targets.index(failing) + 1] if failing else targets
    assert log.read_text().split() == expected, ended.stderr
    assert (ended.returncode == 0) == (failing is None)
