"""One emulator for each process that runs tests, as new for each test."""

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
    """The emulator of this process as if it had just started: every model alive, nothing recorded."""
    running.reset()
    return running
