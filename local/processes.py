"""Background processes that outlive the command that started them.

Each process holds a lock on its file while it runs. The lock proves that it runs and that the id in the file is still
its own, so no other process is ever signalled.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.errors import StackError
from local.places import PROJECT, Places

GRACE_SECONDS = 10


@dataclass(frozen=True)
class Process:
    name: str
    places: Places

    @property
    def file(self) -> Path:
        return self.places.processes / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.places.logs / f"{self.name}.log"

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with self.file.open("w") as held, self.log.open("wb") as log:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            private = {**environment, "TMPDIR": str(self.places.scratch)}
            held.write(str(_detached(command, private, log.fileno(), held.fileno())))

    def id(self) -> int | None:
        """Return the id of the running process."""
        try:
            with self.file.open() as file:
                return int(file.read()) if _is_held(file.fileno()) else None
        except FileNotFoundError:
            return None

    def stop(self) -> None:
        number = self.id()
        if number is not None:
            _signal(number, signal.SIGTERM)
            self._wait(GRACE_SECONDS)
            # The signal reaches its child processes too: they are in its group.
            _signal(number, signal.SIGKILL)
            self._wait(GRACE_SECONDS)
            self._insist_that_it_ended(number)
        self.file.unlink(missing_ok=True)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.id() is not None and time.monotonic() < deadline:
            time.sleep(0.05)

    def _insist_that_it_ended(self, number: int) -> None:
        if self.id() is not None:
            raise StackError(f"{self.name} (process {number}) does not end; end it by hand.")


def _detached(command: Sequence[str], environment: Mapping[str, str], log: int, held: int) -> int:
    child = subprocess.Popen(  # noqa: S603 - the commands are our own
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=[held],
    )
    # The process outlives this command, so nothing waits for its exit code.
    child.returncode = 0
    return child.pid


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
