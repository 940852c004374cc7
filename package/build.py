"""Builds one function's package, or a layer: its code, and dependencies for its processor and Python version.

    python3 build.py <source> <processor> <runtime> <artifacts>     for example: functions arm64 python3.13 .aws-sam/…

Called by `sam build` through the Makefile of the processor and runtime that the template's parameters name. Needs
nothing but Python 3.11 with pip, on any processor. Every download is checked against its hash.

Lambda mounts the package read-only, so bytecode that is not in it is compiled again at each cold start. It is compiled
here by a Python of the runtime's version, if this machine has one; the format differs between versions.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
CACHE = PROJECT / ".aws-sam" / "dependencies"
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
GLIBC_MINORS = range(34, 16, -1)
"""Python 3.12 and later run on Amazon Linux 2023, which has glibc 2.34."""
NOT_PACKAGED = ("__pycache__", "*.pyc", ".*")

AWS_SERVICES = ("bedrock", "bedrock-runtime", "cloudwatch", "dynamodb", "events", "kms", "s3", "sqs", "ssm")
"""The clients in functions/aws/clients.py. botocore's data for all others is left out."""

UNUSED = (
    # Commands, which nobody calls on Lambda; their first line is the path of the Python that runs now.
    "bin",
    # Type stubs, and lists of installed files, which no longer are true. METADATA stays: scanners read it.
    *("**/*.pyi", "**/py.typed", "*.dist-info/RECORD", "*.dist-info/direct_url.json"),
    # For Rust programs.
    "c2pa/libs/*.rlib",
    # boto3's resources and examples; only its clients are used.
    *("boto3/data", "boto3/examples", "botocore/data/**/examples-1.json*"),
    # Pillow's AVIF, fonts and colour management, with the libraries that they alone need.
    *("PIL/_avif.*", "PIL/_imagingft.*", "PIL/_imagingcms.*", "PIL/_imagingtk.*"),
    *(f"pillow.libs/lib{name}-*" for name in ("avif", "freetype", "harfbuzz", "png16", "lcms2")),
    *(f"pillow.libs/libbrotli{part}-*" for part in ("common", "dec")),
)


def main(source: Path, processor: str, runtime: str, artifacts: Path) -> None:
    python = _python(runtime)
    if python is None:
        _warn(_no_bytecode(runtime))
    requirements = source / "requirements.txt"
    dependencies = _dependencies(requirements, processor, runtime, python) if requirements.exists() else None
    # Lambda's Python looks for a layer's modules in this folder.
    content = artifacts / "python" if artifacts.name.endswith("Layer") else artifacts
    shutil.copytree(source, content, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_PACKAGED))
    _compile(python, content)
    if dependencies:
        shutil.copytree(dependencies, content, dirs_exist_ok=True)


def _dependencies(requirements: Path, processor: str, runtime: str, python: Path | None) -> Path:
    """Where they are, downloaded once for all functions and builds."""
    made_of = (requirements.read_bytes(), Path(__file__).read_bytes(), str(python).encode())
    digest = hashlib.sha256(b"\0".join(made_of)).hexdigest()[:16]
    folder = CACHE / f"{processor}-{runtime}-{digest}"
    with _lock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            _install(requirements, processor, runtime, folder, python)
    return folder


def _install(requirements: Path, processor: str, runtime: str, folder: Path, python: Path | None) -> None:
    if importlib.util.find_spec("pip") is None:
        sys.exit(f"{sys.executable} has no pip. On Debian or Ubuntu: apt-get install python3-pip, and build again.")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    subprocess.run(_pip(requirements, processor, runtime, unfinished), check=True)  # noqa: S603 - our own command
    _remove_unused(unfinished)
    _compile(python, unfinished)
    unfinished.rename(folder)


def _pip(requirements: Path, processor: str, runtime: str, target: Path) -> list[str]:
    machine = MACHINES[processor]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]
    return [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"),
        *("install", "--quiet", "--root-user-action", "ignore"),
        *("--requirement", str(requirements), "--require-hashes", "--no-deps", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", _version(runtime)),
        *(word for platform in platforms for word in ("--platform", platform)),
        *("--target", str(target), "--no-compile"),
    ]


def _remove_unused(packages: Path) -> None:
    for path in [found for pattern in UNUSED for found in packages.glob(pattern)]:
        _remove(path)
    data = packages / "botocore" / "data"
    if data.exists():
        _keep_services(data)


def _keep_services(data: Path) -> None:
    for path in data.iterdir():
        if path.is_dir() and path.name not in AWS_SERVICES:
            _remove(path)
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: it for name, it in partition["services"].items() if name in AWS_SERVICES}
    (data / "endpoints.json").write_text(json.dumps(endpoints))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _compile(python: Path | None, folder: Path) -> None:
    """Adds bytecode that is used without a look at its source. The same source makes the same bytes: timestamps, the
    folder's name and the random order of sets stay out of them."""
    if python is None:
        return
    subprocess.run(  # noqa: S603 - our own command
        [*(python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"), *("-s", folder), folder],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=True,
    )


def _python(runtime: str) -> Path | None:
    """A Python of the runtime's version; None if this machine has none."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == _version(runtime):
        return Path(sys.executable)
    finder = [str(PROJECT / "local" / "find-python"), _version(runtime)]
    found = subprocess.run(finder, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    python = found.stdout.strip()
    return Path(python) if python and _version_of(python) == _version(runtime) else None


def _version_of(python: str) -> str:
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - found above


def _version(runtime: str) -> str:
    return runtime.removeprefix("python")


def _no_bytecode(runtime: str) -> str:
    return (
        f"WARNING: This machine has no Python {_version(runtime)}, so the package holds no bytecode and every cold "
        "start takes up to twice as long. Install that Python, with uv or pyenv for example, and build again.\n"
    )


def _warn(text: str) -> None:
    """`sam build` shows the output of a Makefile only if it fails, so this goes to the terminal as well."""
    sys.stderr.write(text)
    if not sys.stderr.isatty():
        with suppress(OSError), Path("/dev/tty").open("w") as terminal:
            terminal.write(text)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Functions are built side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
