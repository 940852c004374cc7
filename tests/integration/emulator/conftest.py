"""One emulator for each test process, reset for each test."""

from collections.abc import Iterator

import pytest

from local.emulator.testing import running_emulator
from tests.integration.emulator.front_door import CORE, PROFILE, Emulator


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    with running_emulator(profiles={PROFILE: CORE}) as url:
        emulator = Emulator(url)
        with emulator.http:
            yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """Reset this process's emulator: every model available, no calls recorded."""
    running.reset()
    return running
