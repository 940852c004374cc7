"""The functions under Lambda's own runtime: what they log at every log level, and what the runtime hands to them."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.lambda_runtime import GATEWAY_TOKEN, event, http_event
from tests.integration.lambda_runtime import RuntimeApi, running_function
from tests.unit.template import source

pytest.importorskip("awslambdaric", reason="Lambda's runtime has wheels for Linux alone")

LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
"""https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html"""

PROMPT = "marker-of-the-prompt"
KEY = "marker-of-the-key"
FIELD = "marker-of-an-unknown-field"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "markerofaccesskey",
    "AWS_SECRET_ACCESS_KEY": "marker-of-the-secret",
    "AWS_SESSION_TOKEN": "marker-of-the-token",
}
SIGNATURES = ["Signature=", "X-Amz-Signature", "AWS4-HMAC-SHA256"]

Run = Callable[[str, str], AbstractContextManager[RuntimeApi]]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output.log"


@pytest.fixture
def run(aws: None, control: httpx.Client, output: Path) -> Run:  # noqa: ARG001 - sets the environment
    """Run a function at a level of LogLevel."""

    def run(handler: str, level: str) -> AbstractContextManager[RuntimeApi]:
        levels = {"AWS_LAMBDA_LOG_LEVEL": level, "AWS_LAMBDA_LOG_FORMAT": "JSON"}
        environment = {**os.environ, **CREDENTIALS, **levels, "AWS_LAMBDA_FUNCTION_NAME": "api", "PUBLIC_KEY": "public"}
        return running_function(f"tests.integration.mocked_account.{handler}", environment, output)

    return run


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_secret_is_logged_at_any_level(run: Run, control: httpx.Client, output: Path, level: str) -> None:
    denied = {"model": "amazon.titan-image-generator-v2:0", "error": "AccessDeniedException"}
    control.post("/_control", json={"faults": [denied]})
    with run("answer", level) as function:
        made = function.invoke({"text": PROMPT})
        answered = function.invoke(http_event("POST", "/generate", json.dumps({"text": PROMPT, "seed": 7})))
        refused = function.invoke({"text": PROMPT, FIELD: PROMPT, "width": PROMPT})
        unknown = function.invoke(http_event("POST", "/generate", json.dumps({"text": PROMPT, FIELD: 1})))

    assert [how for how, _ in (made, answered, refused, unknown)] == ["response", "response", "error", "response"]
    assert (answered[1]["statusCode"], unknown[1]["statusCode"]) == (200, 400)
    assert FIELD in unknown[1]["body"]
    assert refused[1]["errorType"] == "InvalidRequest"
    logged = output.read_text()
    secrets = [PROMPT, FIELD, GATEWAY_TOKEN, *CREDENTIALS.values(), *SIGNATURES, made[1]["images"][0]]
    assert [secret for secret in secrets if secret in logged] == []


@pytest.mark.parametrize("level", ["TRACE", "DEBUG"])
def test_the_authorizer_logs_no_key_and_no_token(run: Run, output: Path, level: str) -> None:
    arn = "arn:aws:execute-api:us-east-1:000000000000:a1b2c3d4e5/api/GET/models"
    request: dict[str, Any] = {"type": "REQUEST", "methodArn": arn}
    request |= {"httpMethod": "GET", "pathParameters": {"proxy": "models"}}
    with run("authorize", level) as function:
        allowed = function.invoke({**request, "headers": {"x-api-key": KEY}})
        denied = function.invoke({**request, "headers": {"x-api-key": KEY, "Authorization": "Bearer another"}})

    effects = [answer["policyDocument"]["Statement"][0]["Effect"] for _, answer in (allowed, denied)]
    assert effects == ["Allow", "Deny"]
    logged = output.read_text()
    assert [secret for secret in (KEY, GATEWAY_TOKEN) if secret in logged] == []


@pytest.mark.parametrize("level", source()["Parameters"]["LogLevel"]["AllowedValues"])
def test_what_is_logged_passes_the_filter_of_its_level(run: Run, output: Path, level: str) -> None:
    with run("say_something_at_each_level", level) as function:
        function.invoke(None)

    lines = [json.loads(line) for line in output.read_text().splitlines()]
    passed = [line["message"] for line in lines if _passes(line, level)]
    expected = LEVELS[LEVELS.index(level) :]
    assert passed == [f"a line of level {_IN_PYTHON[name]}" for name in expected]


@pytest.mark.parametrize("level", source()["Parameters"]["LogLevel"]["AllowedValues"])
def test_no_level_of_the_template_loses_metrics(run: Run, output: Path, level: str) -> None:
    with run("answer", level) as function:
        function.invoke(event("direct"))

    lines = [json.loads(line) for line in output.read_text().splitlines()]
    metrics = [line for line in lines if "_aws" in line]
    assert [line["ImagesStored"] for line in metrics] == [[1]]
    assert all(_passes(line, level) for line in metrics)


def test_an_agentcore_gateway_names_the_tool_in_the_client_context(run: Run) -> None:
    tool = {"custom": {"bedrockAgentCoreToolName": "images___list_models"}}
    with run("answer", "INFO") as function:
        named, unnamed = function.invoke({}, tool), function.invoke({})

    assert "models" in named[1]
    assert unnamed[1]["errorType"] == "InvalidRequest"


_IN_PYTHON = {"DEBUG": "debug", "INFO": "info", "WARN": "warning", "ERROR": "error", "FATAL": "critical"}
_LAMBDAS = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def _passes(line: Mapping[str, Any], least: str) -> bool:
    """Lambda's filter as documented: a line without a known level and an RFC 3339 timestamp counts as INFO."""
    level = str(line.get("level", "")).upper()
    known = _LAMBDAS.get(level, level)
    counts_as = known if known in LEVELS and _is_rfc_3339(line.get("timestamp")) else "INFO"
    return LEVELS.index(counts_as) >= LEVELS.index(least)


def _is_rfc_3339(timestamp: object) -> bool:
    try:
        return "T" in str(timestamp) and datetime.fromisoformat(str(timestamp)).tzinfo is not None
    except ValueError:
        return False
