"""The client as others get it: its wheel in a new environment, on the laptop stack."""

import io
import os
import re
import shlex
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.laptop import PROJECT, Emulator, Stack
from tests.interruptible import interruptible
from version import VERSION

BIN = Path(sys.executable).parent
CORE = "stability.stable-image-core-v1:1"
TYPED = """\
import asyncio
from pathlib import Path
from typing import assert_type

from text_to_image import AsyncClient, Client, Generation, Image, Job, Model, Progress, Usage, errors, generate_images

def noted(progress: Progress) -> None:
    print(progress.state, len(progress.made))

def blocking() -> list[Path]:
    with Client(on_progress=noted) as client:
        assert_type(client.models(quality="premium"), list[Model])
        assert_type(client.usage(), Usage)
        assert_type(client.submit({"text": "a"}, "key"), Job)
        try:
            return client.generate("A fox", 512, number_of_images=2, output_format="webp").save("out")
        except errors.BudgetExhausted as error:
            raise SystemExit(error.detail)

async def asynchronous() -> Generation[Image]:
    async with AsyncClient() as client:
        return await client.finished(await client.job("id"))

assert_type(generate_images("A fox", seed=None).images, tuple[Image, ...])
assert_type(asyncio.run(asynchronous()).cost_usd, float)
"""
WRONG = """\
from text_to_image import Client, generate_images

Client().generate("A fox", number_of_images="2")
Client().generate("A fox", quality="best")
generate_images("A fox", sizes=3)
Client().usage().spent
"""


def _run(
    *command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own commands
        command, env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def _uv(*words: str | Path) -> None:
    ended = _run(BIN / "uv", *words, env={"UV_SYSTEM_CERTS": "true"} | os.environ)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and its pinned dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("client")
    python = folder / "venv" / "bin" / "python"
    _uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder, PROJECT / "client")
    _uv("venv", "--python", sys.executable, folder / "venv")
    pins = PROJECT / "requirements" / "client.txt"
    _uv("pip", "install", "--python", python, "--constraint", pins, *folder.glob("*.whl"))
    return python.parent


@pytest.fixture
def environment(stack: Stack, emulator: Emulator, tmp_path: Path) -> dict[str, str]:  # noqa: ARG001 - the emulator begins anew
    return {
        "API_URL": stack.description["api_url"],
        "API_KEY": stack.description["api_key"],
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }


def test_it_has_the_apis_version_and_is_complete(installed: Path) -> None:
    told = _run(installed / "text-to-image", "--version")

    assert told.stdout == f"text-to-image {VERSION}\n"
    (metadata,) = installed.parent.glob("lib/*/site-packages/text_to_image_client-*.dist-info")
    assert (metadata / "licenses" / "LICENSE").read_text() == (PROJECT / "LICENSE").read_text()
    assert "License-Expression: MIT" in (metadata / "METADATA").read_text()


def test_its_types_are_checked_in_other_peoples_programs(installed: Path, tmp_path: Path) -> None:
    strict = ("--strict", "--no-incremental", "--config-file=", "--python-executable", installed / "python")
    (tmp_path / "typed.py").write_text(TYPED)
    (tmp_path / "wrong.py").write_text(WRONG)

    told = _run(BIN / "mypy", *strict, "typed.py", "wrong.py", cwd=tmp_path)

    found = [(line.split(":")[0], int(line.split(":")[1])) for line in told.stdout.splitlines() if ": error:" in line]
    assert found == [("wrong.py", number) for number in (3, 4, 5, 6)], told.stdout


def test_the_readmes_line_makes_images(
    installed: Path, environment: dict[str, str], emulator: Emulator, tmp_path: Path
) -> None:
    (line,) = re.findall(r"^\.venv/bin/(text-to-image .+)$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    program, *arguments = shlex.split(line)

    ended = _run(installed / program, *arguments, env=environment, cwd=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert "at most $" in ended.stderr
    files = [tmp_path / path for path in ended.stdout.splitlines()]
    assert [Image.open(io.BytesIO(file.read_bytes())).size for file in files] == [(1024, 1024)] * 4
    assert sum(call["images"] for call in emulator.calls()) == 4


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_is_resumed_and_pays_once(
    installed: Path, environment: dict[str, str], emulator: Emulator, tmp_path: Path, blow: signal.Signals
) -> None:
    emulator.configure(latency_ms=2000)
    order = [f"A fox {uuid.uuid4()}", "-n", "4", "--model", CORE, "--seed", "random", "--format", "jpeg", "-o", "out"]
    with interruptible():
        process = subprocess.Popen(  # noqa: S603 - our own command
            [installed / "text-to-image", *order], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
    with process:
        assert process.stderr is not None
        said = ""
        while "In the queue" not in said and "Making the images" not in said:
            said += process.stderr.readline()
        process.send_signal(blow)
        said += process.stderr.read()
    (key,) = set(re.findall(r"--key (\S+)", said))
    assert process.returncode == (130 if blow == signal.SIGINT else -signal.SIGKILL)

    again = _run(installed / "text-to-image", "--key", key, *order, env=environment, cwd=tmp_path)

    assert again.returncode == 0, again.stderr
    assert sorted(file.suffix for file in (tmp_path / "out").iterdir()) == [".jpg"] * 4
    assert sum(call["images"] for call in emulator.calls()) == 4
    written = _written(tmp_path / "out")

    third = _run(installed / "text-to-image", *order, "--key", key, env=environment, cwd=tmp_path)

    assert (third.returncode, "nothing charged again" in third.stderr) == (0, True)
    assert (_written(tmp_path / "out"), len(emulator.calls())) == (written, 4)


def _written(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.iterdir()}
