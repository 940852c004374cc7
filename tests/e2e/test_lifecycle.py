"""Up and down: safe to run twice, and nothing stays behind."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.laptop import Stack, command, left_running, start

KEYS = {
    *("api_url", "api_key", "bucket", "table", "queue_url", "dead_letter_queue_url"),
    *("aws_endpoint_url", "aws_access_key_id", "aws_secret_access_key"),
    *("bedrock_url", "region", "stack_name", "functions", "studio_url"),
}


def test_the_description_has_the_promised_keys(stack: Stack) -> None:
    assert stack.description.keys() == KEYS
    assert stack.description["functions"].keys() >= {"ApiFunction", "AuthorizerFunction"}
    assert stack.description["region"] == "us-east-1"


def test_up_while_up_changes_nothing(stack: Stack) -> None:
    ended = command(stack.folder, "up")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "up already" in ended.stdout
    assert Stack(stack.folder).description == stack.description


@pytest.fixture
def with_short_links(stack: Stack) -> Iterator[Stack]:
    yield start(stack.folder, "--parameters", "LinkMinutes=5")
    start(stack.folder)


def test_up_with_other_parameters_deploys_onto_the_running_stack(stack: Stack, with_short_links: Stack) -> None:
    changed = with_short_links.description
    assert (changed["api_url"], changed["bucket"]) == (stack.description["api_url"], stack.description["bucket"])

    answer = httpx.post(
        f"{changed['api_url']}/generate",
        headers={"x-api-key": changed["api_key"]},
        json={"text": "a short link", "width": 512, "height": 512},
        timeout=60,
        trust_env=False,
    )
    assert httpx.URL(answer.json()["images"][0]).params["X-Amz-Expires"] == "300"
    assert httpx.post(f"{changed['api_url']}/generate", trust_env=False).json()["code"] == "unauthorized"


def test_a_failed_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    ended = command(tmp_path, "up", "--studio", "--parameters", "RateLimit=plenty")

    assert ended.returncode == 1
    assert "`sam deploy` failed" in ended.stderr
    assert "RateLimit" in ended.stderr
    assert left_running(tmp_path) == []
    assert not (tmp_path / "stack.json").exists()


def test_down_while_down_is_no_error(tmp_path: Path) -> None:
    for _ in range(2):
        ended = command(tmp_path, "down")
        assert (ended.returncode, ended.stdout) == (0, "The stack is not up.\n")
