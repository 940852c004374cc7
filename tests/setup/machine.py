"""A machine with make, at most one Python, and no developer's tools."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.laptop import PROJECT

# Variables that lead to a package index; certificates are the system's.
NETWORK = re.compile(r"(?i)(https?|all|no)_proxy|PIP_(EXTRA_)?INDEX_URL|UV_(DEFAULT_)?INDEX(_URL)?|npm_config_registry")
NOT_CLONED = (".git", *(name.strip("/") for name in (PROJECT / ".gitignore").read_text().split()), ".*_cache")
ANOTHER_PYTHON = re.compile(r"python|pip|uv|pyenv|conda")


@dataclass(frozen=True)
class Machine:
    """A clone in a folder with spaces, its own PATH and an empty HOME."""

    clone: Path
    path: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        network = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        return network | {"PATH": str(self.path), "HOME": str(self.home), "LANG": "C.UTF-8"}

    def files(self) -> set[Path]:
        return {path.relative_to(self.clone) for path in self.clone.rglob("*") if path.is_file()}

    def install_python(self, script: str) -> None:
        python = self.path / "python3"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own commands
            command, cwd=self.clone, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )

    def paste(self, lines: str) -> str:
        """Run these lines in the clone, and return their output."""
        ended = self.run(["bash", "-c", lines])
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @contextmanager
    def make(self, target: str) -> Iterator[subprocess.Popen[str]]:
        """Run make as in a terminal, where Ctrl-C reaches make and its child processes."""
        with subprocess.Popen(  # noqa: S603 - our own command
            ["make", target],  # noqa: S607 - as a developer types it
            cwd=self.clone,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                os.killpg(process.pid, signal.SIGINT)
                process.communicate(timeout=60)


def bare_machine(folder: Path) -> Machine:
    machine = Machine(clone=folder / "a clone", path=folder / "bin", home=folder / "home")
    shutil.copytree(PROJECT, machine.clone, ignore=shutil.ignore_patterns(*NOT_CLONED))
    for each in (machine.path, machine.home):
        each.mkdir()
    for program in (*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()):
        link = machine.path / program.name
        if not ANOTHER_PYTHON.match(program.name) and not link.is_symlink():
            link.symlink_to(program)
    return machine


def oldest_python() -> str:
    """Return Debian 12's Python if it is here, or else the oldest on this machine."""
    own = Path("/usr/bin/python3.11")
    if own.exists() and subprocess.run([own, "-c", "import ensurepip"], check=False).returncode == 0:  # noqa: S603 - ours
        return str(own)
    find = [str(PROJECT / "local" / "find-python"), "3.11"]
    return subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own
