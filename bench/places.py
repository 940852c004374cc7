"""Where programs run: on this machine, or in a container with the processor share of a memory size."""

import json
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

from local.bridge import docker
from local.places import PROJECT, VENVS

PROGRAMS = PROJECT / "bench" / "programs"
PYTHON = VENVS / "bench" / "bin" / "python"
MB_PER_PROCESSOR = 1769


class Place(Protocol):
    def command(self, program: str, variables: Mapping[str, str]) -> Sequence[str]:
        """The command that runs a program with these variables and no others of ours."""


@dataclass(frozen=True)
class ThisMachine:
    def command(self, program: str, variables: Mapping[str, str]) -> Sequence[str]:
        named = [f"{name}={value}" for name, value in variables.items()]
        return ["env", "-i", f"PATH={os.environ['PATH']}", *named, str(PYTHON), "-S", str(PROGRAMS / program)]


@dataclass(frozen=True)
class Container:
    """A running container of Lambda's image. Folders are read-only there, under their own paths."""

    id: str

    def command(self, program: str, variables: Mapping[str, str]) -> Sequence[str]:
        named = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        return ["docker", "exec", "-i", *named, self.id, "python3", "-S", str(PROGRAMS / program)]


def image() -> str:
    version = subprocess.run(  # noqa: S603 - our own interpreter
        [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    return f"public.ecr.aws/lambda/python:{version}-{machine}"


class NoContainer(Exception):
    """Why no container can be started here."""


def _require_docker() -> None:
    if sys.platform != "linux":
        raise NoContainer("containers reach the laptop stack's loopback addresses on Linux only")
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoContainer(f"no Docker engine answers: {getattr(error, 'stderr', None) or error}".strip()) from None


@contextmanager
def container(memory: int, *folders: Path) -> Iterator[Container]:
    """A container with the processor share and the memory of a function of this size. Raises NoContainer."""
    _require_docker()
    mounts = [word for folder in (PROGRAMS, *folders) for word in ("--volume", f"{folder}:{folder}:ro")]
    limits = ["--cpus", f"{memory / MB_PER_PROCESSOR:.3f}", "--memory", f"{memory}m"]
    started = docker(
        *("run", "--detach", "--rm", "--network", "host", *limits, *mounts),
        *("--entrypoint", "sleep", image(), "3600"),
    )
    try:
        yield Container(started)
    finally:
        with suppress(subprocess.CalledProcessError):
            docker("rm", "--force", started)


class Program:
    """A running program; `ask` sends one request and waits for its answer."""

    def __init__(self, place: Place, program: str, variables: Mapping[str, str]) -> None:
        self._command = [program, variables.get("_HANDLER", "")]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            place.command(program, {"PYTHONDONTWRITEBYTECODE": "1", **variables}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._pipes = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)

    def ask(self, request: object) -> Any:  # noqa: ANN401 - any JSON
        stdin, _ = self._pipes
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()
        return self.read()

    def read(self) -> Any:  # noqa: ANN401 - any JSON
        line = self._pipes[1].readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._command)} ended with {self._process.wait()}")
        return json.loads(line)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def running(place: Place, program: str, variables: Mapping[str, str]) -> Iterator[Program]:
    started = Program(place, program, variables)
    try:
        yield started
    finally:
        started.stop()


@contextmanager
def serving(place: Place, program: str, variables: Mapping[str, str]) -> Iterator[Program]:
    """A program that has said that it is ready."""
    with running(place, program, variables) as started:
        started.read()
        yield started


def unpacked(package: Path, target: Path) -> Path:
    """A copy as Lambda unpacks it: nobody may write there, so that no bytecode is added."""
    shutil.copytree(package, target)
    for path in (target, *target.rglob("*")):
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    return target


def remove(folder: Path) -> None:
    """Also what `unpacked` made, whose folders nobody may write to."""
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
    shutil.rmtree(folder)
