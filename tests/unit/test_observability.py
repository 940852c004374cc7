"""What is logged: one line a generation, in a form that Lambda's own filter understands."""

import io
import json
from datetime import datetime
from typing import Any

import pytest

from api.app import lambda_handler
from bootstrap import Services
from observability import logger
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.lambda_runtime import CALLER, FakeContext, event
from tests.unit.conftest import Send


def endings(log: io.StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["message"] == "A generation ended"]


def test_each_request_that_ends_a_generation_leaves_one_line(
    send: Send, bedrock: FakeBedrock, log: io.StringIO
) -> None:
    made = send("POST", "/generate", {"text": "a fox"}).json
    send("POST", "/generate", {"text": "a fox"})
    bedrock.refuse("ModelErrorException")
    send("POST", "/generate", {"text": "another fox"})

    told = endings(log)
    assert [line["outcome"] for line in told] == ["completed", "replayed", "failed"]
    assert {line["caller"] for line in told} == {CALLER}
    assert told[0]["generation_id"] == told[1]["generation_id"] == made["id"]
    assert (told[0]["model"], told[0]["images"], told[0]["cost_usd"]) == (made["model"], 1, made["cost_usd"])
    assert (told[2]["code"], told[2]["aws_error"]) == ("model_error", "ModelErrorException")
    assert {line["level"] for line in told} == {"INFO"}
    assert "model" not in told[2]


def test_a_direct_invocation_leaves_one_too(services: Services, log: io.StringIO) -> None:  # noqa: ARG001 - the fakes
    lambda_handler(event("direct"), FakeContext())
    assert [(line["caller"], line["outcome"]) for line in endings(log)] == [("direct", "completed")]


def test_timestamps_name_their_offset_as_rfc_3339_asks(log: io.StringIO) -> None:
    logger.info("A line")

    timestamp = json.loads(log.getvalue())["timestamp"]
    assert "T" in timestamp
    assert datetime.fromisoformat(timestamp).utcoffset() is not None


@pytest.mark.parametrize("code", ["ValidationException", "ModelErrorException", "InternalServerException", "Unheard"])
def test_bedrocks_words_are_not_logged_where_they_may_quote_the_prompt(
    send: Send, bedrock: FakeBedrock, log: io.StringIO, code: str
) -> None:
    bedrock.refuse(code, "malformed: a secret fox")
    send("POST", "/generate", {"text": "a secret fox", "model": "core"})
    assert code in log.getvalue()
    assert "secret fox" not in log.getvalue()


def test_bedrocks_words_are_logged_where_they_say_what_to_mend(
    send: Send, bedrock: FakeBedrock, log: io.StringIO
) -> None:
    bedrock.refuse("AccessDeniedException", "no subscription")
    send("POST", "/generate", {"text": "a fox", "model": "core"})
    assert "no subscription" in log.getvalue()
