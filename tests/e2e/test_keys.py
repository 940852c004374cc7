"""Who may call: the key may come in either header, and every refusal is a problem document."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.laptop import Emulator, Stack, command


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
def test_the_key_counts_in_either_header(
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


def test_another_key_is_another_caller(stack: Stack) -> None:
    ended = command(stack.folder, "key", "somebody else")

    key = ended.stdout.strip()
    assert (ended.returncode, key != stack.description["api_key"]) == (0, True)
    answer = httpx.get(f"{stack.description['api_url']}/usage", headers={"x-api-key": key}, trust_env=False)
    assert (answer.status_code, answer.json()["images"]) == (200, 0)
