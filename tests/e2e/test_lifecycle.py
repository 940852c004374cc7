"""Up and down: safe to run twice, and nothing stays behind."""

from pathlib import Path

from tests.e2e.laptop import Stack, command, left_running

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
