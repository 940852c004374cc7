"""The README's first command on a machine that has make, one Python and nothing of a developer's."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.laptop import PROJECT, left_running

# Whatever leads to a package index from here; certificates are the system's.
NETWORK = re.compile(r"(?i)(https?|all|no)_proxy|PIP_(EXTRA_)?INDEX_URL|UV_(DEFAULT_)?INDEX(_URL)?|npm_config_registry")
ANOTHER_PYTHON = re.compile(r"python|pip|uv|pyenv|conda")
NO_PYTHON = """\
This project needs Python 3.11 or newer; python3 here is {found}.
Install one (on Debian or Ubuntu: apt-get install python3 python3-venv) and run make again.
"""
NO_VENV = """\
ensurepip is not available
The virtual environment .venv could not be made; on Debian or Ubuntu: apt-get install python3-venv
"""
WITHOUT_VENV = """case "$*" in
  "-m venv"*) echo "ensurepip is not available" >&2; exit 1 ;;
  *sys.executable*) echo "$0" ;;
esac"""


@dataclass(frozen=True)
class Machine:
    """A clone in a folder with spaces, a path that holds one Python at most, an empty home."""

    clone: Path
    path: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        network = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        return network | {"PATH": str(self.path), "HOME": str(self.home), "LANG": "C.UTF-8"}

    def has_python(self, script: str) -> None:
        python = self.path / "python3"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            ["make", target],  # noqa: S607 - as a developer types it
            cwd=self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @contextmanager
    def making(self, target: str) -> Iterator[subprocess.Popen[str]]:
        """Meanwhile it runs as in a terminal, where Ctrl-C reaches make and what make started."""
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


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(clone=tmp_path / "a clone", path=tmp_path / "bin", home=tmp_path / "home")
    for folder in (machine.clone, machine.path, machine.home):
        folder.mkdir()
    for name in tracked():
        (machine.clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, machine.clone / name)
    for program in (*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()):
        link = machine.path / program.name
        if not ANOTHER_PYTHON.match(program.name) and not link.is_symlink():
            link.symlink_to(program)
    return machine


def tracked() -> list[str]:
    ask = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(ask, cwd=PROJECT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    return [name for name in listing.splitlines() if (PROJECT / name).exists()]


def oldest_python() -> str:
    """Debian 12's own where that is here, else the oldest that this machine has."""
    own = Path("/usr/bin/python3.11")
    if own.exists() and subprocess.run([own, "-c", "import ensurepip"], check=False).returncode == 0:  # noqa: S603 - ours
        return str(own)
    find = [str(PROJECT / "local" / "find-python"), "3.11"]
    return subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own


def test_the_first_command_needs_nothing_but_the_oldest_python(machine: Machine) -> None:
    machine.has_python(f'exec {oldest_python()} "$@"')

    with machine.making("run") as running:
        assert running.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        _assert_that_the_image_is_where_it_says(said)
        _assert_that_the_line_to_paste_makes_another(said, machine)

    assert left_running(machine.clone / ".local") == []
    assert list(machine.home.iterdir()) == []
    _assert_that_clean_leaves_the_images_only(machine)


def _assert_that_the_image_is_where_it_says(said: str) -> None:
    (file,) = re.findall(r"^ +file +(.+)$", said, re.MULTILINE)
    assert Path(file).read_bytes().startswith(b"\x89PNG")


def _assert_that_the_line_to_paste_makes_another(said: str, machine: Machine) -> None:
    (line,) = re.findall(r"^ +make an image +(.+)$", said, re.MULTILINE)
    assert len(line) < 200
    ended = subprocess.run(line, shell=True, env=machine.environment, capture_output=True, check=True)  # noqa: S602 - as pasted
    assert json.loads(ended.stdout)["message"] == "Images generated successfully"


def _assert_that_clean_leaves_the_images_only(machine: Machine) -> None:
    ended = machine.make("clean")

    assert (ended.returncode, ended.stderr) == (0, "")
    files = {str(path.relative_to(machine.clone)) for path in machine.clone.rglob("*") if path.is_file()}
    added = files - set(tracked())
    assert added
    assert {Path(name).parent for name in added} == {Path("generated_images")}


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (None, "missing"),
        ('[ "$1" = --version ] && echo Python 3.9.2', "Python 3.9.2"),
    ],
    ids=["none", "old"],
)
def test_without_a_suitable_python_the_message_says_so_and_nothing_else(
    machine: Machine, script: str | None, found: str
) -> None:
    if script:
        machine.has_python(script)

    ended = machine.make("run")

    assert ended.returncode != 0
    assert _without_make_s_own(ended.stderr) == NO_PYTHON.format(found=found)


def test_without_venv_the_message_names_the_missing_package(machine: Machine) -> None:
    machine.has_python(WITHOUT_VENV)

    ended = machine.make("run")

    assert ended.returncode != 0
    assert _without_make_s_own(ended.stderr) == NO_VENV


def _without_make_s_own(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("make:"))
