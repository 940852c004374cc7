"""`up`, `run` and `down` are idempotent and leave no process running."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.laptop import PROJECT, Stack, command, left_running, start, stop

KEYS = {
    *("api_url", "api_key", "bucket", "table", "queue_url", "dead_letter_queue_url"),
    *("aws_endpoint_url", "aws_access_key_id", "aws_secret_access_key"),
    *("bedrock_url", "region", "stack_name", "functions", "studio_url"),
}
ADDRESSES = ("api_url", "aws_endpoint_url", "bedrock_url", "api_key")


@contextmanager
def run(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `python -m local run` for as long as the context lasts."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "local", "--state", str(folder), "run"], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert any("Ctrl-C" in line for line in process.stdout)
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def answers(description: dict[str, str], key: str) -> bool:
    answer = httpx.get(f"{description['api_url']}/usage", headers={"x-api-key": key}, trust_env=False)
    return answer.is_success


def test_the_description_has_the_promised_keys(stack: Stack) -> None:
    assert stack.description.keys() == KEYS
    assert stack.description["functions"].keys() >= {"ApiFunction", "AuthorizerFunction"}
    assert stack.description["region"] == "us-east-1"


def test_up_while_up_changes_nothing(stack: Stack) -> None:
    ended = command(stack.folder, "up")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "up already" in ended.stdout
    assert Stack(stack.folder).description == stack.description


def test_a_refused_start_gives_the_reason_and_leaves_nothing_running(tmp_path: Path) -> None:
    ended = command(tmp_path, "up", "--studio", "--parameters", "RateLimit=plenty")

    assert ended.returncode == 1
    assert "RateLimit=plenty is not allowed. Write a number" in ended.stderr
    assert left_running(tmp_path) == []
    assert not (tmp_path / "stack.json").exists()


def test_down_while_down_is_no_error(tmp_path: Path) -> None:
    for _ in range(2):
        ended = command(tmp_path, "down")
        assert (ended.returncode, ended.stdout) == (0, "The stack is not up.\n")


def test_a_second_run_leaves_the_stack_running(stack: Stack) -> None:
    with run(stack.folder) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0

    assert answers(stack.description, stack.description["api_key"])


def test_a_stack_that_starts_again_keeps_its_addresses_and_keys(tmp_path: Path) -> None:
    before = start(tmp_path).description
    another = command(tmp_path, "key", "somebody else").stdout.strip()
    stop(tmp_path)

    with run(tmp_path) as process:
        after = Stack(tmp_path).description
        assert {name: after[name] for name in ADDRESSES} == {name: before[name] for name in ADDRESSES}
        assert [answers(after, key) for key in (before["api_key"], another)] == [True, True]

        stop(tmp_path)
        assert process.wait(60) == 0
        assert process.stdout is not None
        assert "Another command has stopped the stack." in process.stdout.read()


def test_without_a_docker_engine_invoke_says_what_else_works(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")

    ended = command(stack.folder, "invoke", "--event", "events/direct.json")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "no Docker engine answers here" in ended.stderr
    assert f"curl {stack.description['api_url']}/generate" in ended.stderr


def test_invoke_without_a_running_stack_says_how_to_start_one(tmp_path: Path) -> None:
    ended = command(tmp_path, "invoke", "--event", "events/direct.json")

    assert (ended.returncode, "make up" in ended.stderr) == (1, True)
