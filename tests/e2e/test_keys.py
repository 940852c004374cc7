"""API keys: accepted in either header; every refusal is a problem document."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from examples.keys import Keys
from tests.e2e.laptop import PROJECT, Emulator, Stack, command


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": "unknown-unknown-unknown"},
        {"Authorization": "Bearer unknown-unknown-unknown"},
        {"Authorization": "Basic {key}"},
        {"x-api-key": "{key}", "Authorization": "Bearer another"},
        {"x-api-key": "another", "Authorization": "Bearer {key}"},
        {"x-api-key": ""},
    ],
    ids=repr,
)
def test_without_one_valid_key_nothing_is_generated(
    anonymous: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any], headers: dict[str, str]
) -> None:
    named = {name: value.format(key=stack.description["api_key"]) for name, value in headers.items()}

    answer = anonymous.post("/generate", json=documented, headers=named)

    _assert_unauthorized(answer)
    assert emulator.calls() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "{key}"},
        {"Authorization": "Bearer {key}"},
        {"authorization": "bearer {key}"},
        {"x-api-key": "{key}", "Authorization": "Bearer {key}"},
    ],
    ids=repr,
)
def test_the_key_is_accepted_in_either_header(
    anonymous: httpx.Client, stack: Stack, documented: dict[str, Any], headers: dict[str, str]
) -> None:
    named = {name: value.format(key=stack.description["api_key"]) for name, value in headers.items()}

    assert anonymous.post("/generate", json=documented, headers=named).status_code == 200


def test_a_key_works_while_it_is_enabled(
    anonymous: httpx.Client, another_key: Callable[..., str], documented: dict[str, Any]
) -> None:
    enabled, disabled = ({"x-api-key": another_key(enabled=enabled)} for enabled in (True, False))

    assert anonymous.post("/generate", json=documented, headers=enabled).status_code == 200
    _assert_unauthorized(anonymous.post("/generate", json=documented, headers=disabled))


def _assert_unauthorized(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (401, "unauthorized")
    assert problem["instance"] == f"urn:uuid:{problem['request_id']}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/generate", "/health"])
def test_preflight_requests_need_a_key_without_listed_origins(anonymous: httpx.Client, path: str) -> None:
    preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = anonymous.options(path, headers=preflight)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_missing_key_is_no_error_of_the_authorizer(anonymous: httpx.Client, stack: Stack) -> None:
    assert anonymous.post("/generate", json={"text": "a fox"}).status_code == 401
    request = {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:000000000000:a1b2c3d4e5/api/POST/generate",
        "headers": {},
        "httpMethod": "POST",
        "pathParameters": {"proxy": "generate"},
        "queryStringParameters": None,
    }
    name = stack.description["functions"]["AuthorizerFunction"]
    answer = stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(request))
    assert "FunctionError" not in answer
    assert json.load(answer["Payload"])["policyDocument"]["Statement"][0]["Effect"] == "Deny"


@pytest.fixture
def keys(stack: Stack) -> Keys:
    """The operator's script."""
    names = ("Table", "Api", "UsagePlan", "PublicUsagePlan", "ApiKey")
    clients = (stack.client("apigateway"), stack.client("dynamodb"))
    return Keys(*clients, stack.description["stack_name"], *map(stack.resource, names))


def _made(stack: Stack, *words: str) -> dict[str, str]:
    ended = command(stack.folder, "key", *words)
    assert ended.returncode == 0, ended.stderr
    return {"x-api-key": ended.stdout.strip()}


def _statuses(anonymous: httpx.Client, headers: dict[str, str], number: int) -> list[int]:
    small = {"width": 512, "height": 512, "model": "titan"}
    return [
        anonymous.post("/generate", json={"text": f"fox {uuid.uuid4()}", **small}, headers=headers).status_code
        for _ in range(number)
    ]


def test_each_key_has_its_own_budget_which_can_be_changed(anonymous: httpx.Client, stack: Stack, keys: Keys) -> None:
    name = f"poor {uuid.uuid4()}"
    poor, rich = _made(stack, name, "--budget", "0.01"), _made(stack, "rich", "--budget", "100")
    assert (_statuses(anonymous, poor, 2), _statuses(anonymous, rich, 2)) == ([200, 402], [200, 200])
    shown = anonymous.get("/usage", headers=poor).json()
    assert (shown["name"], shown["cap_usd"], shown["spent_usd"], shown["images"]) == (name, 0.01, 0.008, 1)

    keys.enter(keys.find(name).caller, {"budget_usd": "0.016"})

    assert _statuses(anonymous, poor, 2) == [200, 402]


def test_a_key_can_have_its_own_cap_on_jobs_and_its_own_rate(anonymous: httpx.Client, stack: Stack) -> None:
    jobless = _made(stack, "jobless", "--jobs", "0")
    order = {"text": f"fox {uuid.uuid4()}"}
    refused = anonymous.post("/generate", json=order, headers={**jobless, "Prefer": "respond-async"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")

    slow = _made(stack, "slow", "--rate", "0.01", "--burst", "2")
    answers = [anonymous.get("/usage", headers=slow) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == "throttled"


def test_the_operators_scripts_show_a_deployed_stacks_keys(stack: Stack) -> None:
    name = f"shown {uuid.uuid4()}"
    value = _made(stack, name, "--budget", "7")["x-api-key"]
    described = stack.description
    own = {
        "AWS_ENDPOINT_URL": described["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": described["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": described["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": described["region"],
        "STACK": described["stack_name"],
        "NO_PROXY": "127.0.0.1",
    }
    listed, spending = (_told(["-m", *words.split()], own) for words in ("examples.keys list", "examples.spending"))
    (line,) = (line.split() for line in listed.splitlines() if name in line)
    assert line[4:7] == ["enabled", "7", "default"]
    assert spending.startswith("caller")
    assert value not in listed + spending


def _told(words: list[str], own: dict[str, str]) -> str:
    environment = {**os.environ, **own}
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, *words], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_key_is_rotated_without_a_gap(anonymous: httpx.Client, stack: Stack, keys: Keys) -> None:
    name = f"rotated {uuid.uuid4()}"
    old = _made(stack, name, "--budget", "0.01")
    found = keys.find(name)

    new = {"x-api-key": keys.rotate(found).value}

    assert [anonymous.get("/usage", headers=each).json()["cap_usd"] for each in (old, new)] == [0.01, 0.01]
    keys.enable(found, enabled=False)
    _assert_unauthorized(anonymous.get("/usage", headers=old))
    assert _statuses(anonymous, new, 2) == [200, 402]


def test_another_key_is_another_caller(stack: Stack) -> None:
    ended = command(stack.folder, "key", "somebody else")

    key = ended.stdout.strip()
    assert (ended.returncode, key != stack.description["api_key"]) == (0, True)
    answer = httpx.get(f"{stack.description['api_url']}/usage", headers={"x-api-key": key}, trust_env=False)
    assert (answer.status_code, answer.json()["images"]) == (200, 0)
