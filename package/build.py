"""Builds one function's package, or a layer: its code, and dependencies for its processor and Python version.

    python3 build.py <source> <processor> <runtime> <artifacts>     for example: functions arm64 python3.13 .aws-sam/…

Called by `sam build` through the Makefile of the processor and runtime that the template's parameters name. Needs
nothing but Python 3.11 with pip, on any processor. Every download is checked against its hash.
"""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".aws-sam" / "dependencies"
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
GLIBC_MINORS = range(34, 16, -1)
"""Python 3.12 and later run on Amazon Linux 2023, which has glibc 2.34."""
NOT_PACKAGED = ("__pycache__", "*.pyc", ".*")
NOT_NEEDED = "*.rlib"
"""Libraries for Rust programs."""


def main(source: Path, processor: str, runtime: str, artifacts: Path) -> None:
    requirements = source / "requirements.txt"
    # Where Lambda's Python looks for a layer's modules.
    content = artifacts / "python" if artifacts.name.endswith("Layer") else artifacts
    dependencies = _dependencies(requirements, processor, runtime)
    shutil.copytree(dependencies, content, dirs_exist_ok=True, ignore=shutil.ignore_patterns(NOT_NEEDED))
    shutil.copytree(source, content, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_PACKAGED))


def _dependencies(requirements: Path, processor: str, runtime: str) -> Path:
    """Where they are, downloaded once for all functions and builds."""
    digest = hashlib.sha256(requirements.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    folder = CACHE / f"{processor}-{runtime}-{digest}"
    with _lock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            _install(requirements, processor, runtime, folder)
    return folder


def _install(requirements: Path, processor: str, runtime: str, folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        sys.exit(f"{sys.executable} has no pip. On Debian or Ubuntu: apt-get install python3-pip, and build again.")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    subprocess.run(_pip(requirements, processor, runtime, unfinished), check=True)  # noqa: S603 - our own command
    # Commands, which nobody calls on Lambda; their first line is the path of the Python that runs now.
    shutil.rmtree(unfinished / "bin", ignore_errors=True)
    unfinished.rename(folder)


def _pip(requirements: Path, processor: str, runtime: str, target: Path) -> list[str]:
    machine = MACHINES[processor]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]
    return [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"),
        *("install", "--quiet", "--root-user-action", "ignore"),
        *("--requirement", str(requirements), "--require-hashes", "--no-deps", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", runtime.removeprefix("python")),
        *(word for platform in platforms for word in ("--platform", platform)),
        *("--target", str(target), "--no-compile"),
    ]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Functions are built side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
