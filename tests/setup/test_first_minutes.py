"""The first minutes with a clone: `make run`, and every snippet of the README and docs/, as they stand."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.e2e.laptop import PROJECT, left_running
from tests.setup.machine import Machine, bare_machine, oldest_python
from tests.setup.snippets import OUTCOMES, TRIED_ELSEWHERE, Snippet, snippets

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

WITH_OPENAI = (
    "UV_SYSTEM_CERTS=true UV_CACHE_DIR=.local/cache/uv "
    ".venv/bin/uv run --quiet --no-project --with-requirements requirements/clients/openai-3.txt python"
)
PYTHONS = {"import os\nfrom openai": WITH_OPENAI}
"""The interpreter of a snippet that does not use the clone's, by its beginning."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return bare_machine(tmp_path)


def test_every_snippet_is_run_or_says_where() -> None:
    untried = [snippet for snippet in snippets(PROJECT) if snippet.outcome is None and snippet.tried_elsewhere is None]
    assert untried == []


@pytest.mark.parametrize("beginning", [*OUTCOMES, *TRIED_ELSEWHERE])
def test_every_entry_has_its_snippet(beginning: str) -> None:
    assert [snippet for snippet in snippets(PROJECT) if snippet.lines.startswith(beginning)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the snippets use curl")
@pytest.mark.timeout(1200)  # it downloads all dependencies
def test_the_snippets_work_on_a_machine_with_nothing_but_the_oldest_python(machine: Machine) -> None:
    machine.install_python(f'exec {oldest_python()} "$@"')
    cloned = machine.files()

    with machine.make("run") as running:
        assert running.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        _assert_that_the_image_is_where_it_says(said)
        _assert_that_the_line_to_paste_makes_an_image(said, machine)
        for snippet in snippets(machine.clone):
            if snippet.outcome:
                _assert_that_it_prints_its_outcome(snippet, snippet.outcome, machine)
        _assert_that_a_refused_job_ends_with_the_error(machine)

    assert left_running(machine.clone / ".local") == []
    assert list(machine.home.iterdir()) == []
    _assert_that_clean_leaves_the_images_only(machine, cloned)


def _assert_that_the_image_is_where_it_says(said: str) -> None:
    (file,) = re.findall(r"^ +file +(.+)$", said, re.MULTILINE)
    assert Path(file).read_bytes().startswith(b"\x89PNG")


def _assert_that_the_line_to_paste_makes_an_image(said: str, machine: Machine) -> None:
    (line,) = re.findall(r"^ +make an image +(.+)$", said, re.MULTILINE)
    assert len(line) < 200
    assert json.loads(machine.paste(line))["message"] == "Images generated successfully"


def _assert_that_it_prints_its_outcome(snippet: Snippet, outcome: str, machine: Machine) -> None:
    lines = snippet.lines
    python = next((each for beginning, each in PYTHONS.items() if lines.startswith(beginning)), ".venv/bin/python")
    command = lines if snippet.language == "bash" else f"{python} -c {shlex.quote(lines)}"
    written = machine.paste(f"source .local/env\n{command}")
    assert re.search(outcome, written, re.MULTILINE), (lines, written)


def _assert_that_a_refused_job_ends_with_the_error(machine: Machine) -> None:
    (job,) = (snippet for snippet in snippets(machine.clone) if snippet.lines.startswith("ANSWER="))
    assert '"code":"unauthorized"' in machine.paste(f"source .local/env\nAPI_KEY=wrong\n{job.lines}")


def _assert_that_clean_leaves_the_images_only(machine: Machine, cloned: set[Path]) -> None:
    ended = machine.run(["make", "clean"])

    assert (ended.returncode, ended.stderr) == (0, "")
    assert {file.parent for file in machine.files() - cloned} == {Path("generated_images")}
    assert cloned <= machine.files()


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
        machine.install_python(script)

    ended = machine.run(["make", "run"])

    assert ended.returncode != 0
    assert _without_make_s_own(ended.stderr) == NO_PYTHON.format(found=found)


def test_without_venv_the_message_names_the_missing_package(machine: Machine) -> None:
    machine.install_python(WITHOUT_VENV)

    ended = machine.run(["make", "run"])

    assert ended.returncode != 0
    assert _without_make_s_own(ended.stderr) == NO_VENV


def _without_make_s_own(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("make:"))
