"""Runs the build tools, and writes their output to a log."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.errors import with_tail
from local.places import PROJECT


def run(command: Sequence[str], environment: Mapping[str, str], log: Path, failed: str) -> None:
    with log.open("wb") as output:
        ended = subprocess.run(  # noqa: S603 - the commands are our own
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        raise with_tail(failed, log)
