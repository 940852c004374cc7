"""What X-Ray is told, under Lambda's own runtime with a fake X-Ray daemon."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.lambda_runtime import GATEWAY_TOKEN, http_event
from tests.fakes.xray import Daemon, running_daemon
from tests.integration.lambda_runtime import RuntimeApi, running_function

pytest.importorskip("awslambdaric", reason="Lambda's runtime has wheels for Linux alone")

TRACE = "1-6553f0aa-0123456789abcdef01234567"
PROMPT = "marker-of-the-prompt"
KEY = "marker-of-the-idempotency-key"
TITAN = "amazon.titan-image-generator-v2:0"
CORE = "stability.stable-image-core-v1:1"

Run = Callable[..., AbstractContextManager[RuntimeApi]]


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with running_daemon() as running:
        yield running


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output.log"


@pytest.fixture
def run(aws: None, daemon: Daemon, output: Path) -> Run:  # noqa: ARG001 - sets the environment
    """Run a function of a stack with Tracing, for a request of which a trace is kept or not."""

    def run(handler: str, *, sampled: int = 1) -> AbstractContextManager[RuntimeApi]:
        environment = {
            **os.environ,
            "TRACING": "on",
            "AWS_XRAY_DAEMON_ADDRESS": daemon.address,
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_LAMBDA_FUNCTION_NAME": "api",
            "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/queue",
        }
        trace = f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled={sampled}"
        return running_function(f"tests.integration.{handler}", environment, output, trace)

    return run


def generate(**headers: str) -> dict[str, Any]:
    return http_event("POST", "/generate", json.dumps({"text": PROMPT, "model": "titan"}), **headers)


def test_a_job_is_one_trace_from_the_request_to_the_worker(run: Run, daemon: Daemon, output: Path) -> None:
    with run("traced_account.order_and_work") as function:
        how, answers = function.invoke(generate(Prefer="respond-async", Idempotency_Key=KEY))

    assert how == "response", output.read_text()
    generation = json.loads(answers[0]["body"])["id"]
    segments = daemon.segments()
    assert {segment["trace_id"] for segment in segments} == {TRACE}
    ordered, worked = only(segments, "## lambda_handler"), only(segments, "## job")
    assert worked["parent_id"] == ordered["id"]
    assert [each["annotations"]["generation_id"] for each in (ordered, worked)] == [generation] * 2
    # What the worker did is in it.
    assert only(segments, "## model call")["parent_id"] == worked["id"]
    assert only(segments, "## model call")["annotations"] == {"generation_id": generation, "model": TITAN}


def test_each_part_of_a_request_is_a_step_and_nothing_private_is_told(
    run: Run, daemon: Daemon, control: httpx.Client, output: Path
) -> None:
    quoting = {"model": TITAN, "error": "ValidationException", "times": 1, "message": f"The prompt {PROMPT} is bad."}
    with run("mocked_account.answer") as function:
        made = function.invoke({"text": PROMPT, "idempotency_key": KEY, "model": "core", "number_of_images": 3})
        control.post("/_control", json={"faults": [quoting]})
        refused = function.invoke(generate())
        invalid = function.invoke({"text": PROMPT, PROMPT: PROMPT})

    assert (made[0], refused[1]["statusCode"], invalid[0]) == ("response", 400, "error")
    segments = daemon.segments()
    assert {each["trace_id"] for each in segments} == {TRACE}
    calls = [each["annotations"]["model"] for each in segments if each["name"] == "## model call"]
    assert calls == [CORE] * 3 + [TITAN]
    assert {"InvokeModel", "PutObject", "TransactWriteItems"} <= {
        each["aws"]["operation"] for each in segments if "aws" in each
    }
    types = {one["type"] for each in segments for one in exceptions(each)}
    assert {"ValidationException", "InvalidRequest"} <= types
    link = made[1]["images"][0]
    secrets = [PROMPT, KEY, GATEWAY_TOKEN, "X-Amz-Signature", link.partition("?")[0]]
    assert [secret for secret in secrets if secret in daemon.sent + output.read_text()] == []


def test_a_request_of_which_no_trace_is_kept_is_answered_all_the_same(run: Run, daemon: Daemon) -> None:
    with run("traced_account.order_and_work", sampled=0) as function:
        how, answers = function.invoke(generate(Prefer="respond-async"))

    assert (how, answers[0]["statusCode"], answers[1]) == ("response", 202, {"batchItemFailures": []})
    assert TRACE not in {each["trace_id"] for each in daemon.segments()}


def only(segments: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [each for each in segments if each["name"] == name]
    return found


def exceptions(segment: dict[str, Any]) -> list[dict[str, Any]]:
    cause = segment.get("cause", {})
    return cause.get("exceptions", []) if isinstance(cause, dict) else []
