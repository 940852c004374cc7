"""Background processes are identified by their locks, never by their id alone."""

import os
import sys
from pathlib import Path

import pytest

from local.places import Places
from local.processes import Process


@pytest.fixture
def process(tmp_path: Path) -> Process:
    places = Places(tmp_path)
    places.make()
    return Process("sleeper", places)


def test_a_process_is_known_while_it_runs(process: Process) -> None:
    assert process.id() is None

    process.start([sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    assert process.id() is not None

    process.stop()
    assert process.id() is None


def test_a_stale_process_id_is_ignored(process: Process) -> None:
    process.file.write_text(str(os.getpid()))

    assert process.id() is None
    process.stop()
