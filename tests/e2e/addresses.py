"""Pages and containers take turns, across the workers of a run.

Docker gives the machine an address with each container, and takes it away again; Chromium then drops what it is loading
(net::ERR_NETWORK_CHANGED).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.laptop import PROJECT

LOCK = PROJECT / ".local" / "addresses.lock"


@contextmanager
def kept() -> Iterator[None]:
    """Several may keep the machine's addresses at the same time."""
    with _locked(fcntl.LOCK_SH):
        yield


@contextmanager
def changing() -> Iterator[None]:
    """One may change them, while nobody keeps them."""
    with _locked(fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(how: int) -> Iterator[None]:
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, how)
        yield
