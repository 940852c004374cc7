"""A few bad requests over HTTP; the unit tests have the full list."""

from typing import Any

import httpx
import pytest

from tests.e2e.laptop import Emulator, Stack

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"text": " "}, "text"),
        ({"text": "x" * 200_000}, "text"),
        ({"width": 511}, "width"),
        ({"height": "1024"}, "height"),
        ({"number_of_images": 5}, "number_of_images"),
        ({"colour": "red"}, "colour"),
    ],
    ids=["blank", "200 kB", "too small", "not a number", "too many", "unknown"],
)
def test_a_bad_value_is_refused_by_name_and_costs_nothing(
    api: httpx.Client,
    stack: Stack,
    emulator: Emulator,
    documented: dict[str, Any],
    changed: dict[str, Any],
    field: str,
) -> None:
    before = stack.keys()

    answer = api.post("/generate", json=documented | changed)

    problem = _assert_problem(answer, 400, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == [field]
    _assert_no_cost(stack, emulator, before)


@pytest.mark.parametrize("body", ["", "not JSON", "[]", "[" * 5000], ids=["empty", "text", "array", "brackets"])
def test_a_body_that_is_not_a_json_object_is_refused(
    api: httpx.Client, stack: Stack, emulator: Emulator, body: str
) -> None:
    before = stack.keys()

    _assert_problem(api.post("/generate", content=body, headers=JSON), 400, "invalid_request")
    _assert_no_cost(stack, emulator, before)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/generate", 405, "method_not_allowed"),
        ("POST", "/nowhere", 404, "not_found"),
        ("OPTIONS", "/nowhere", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("OPTIONS", "/generate", 405, "method_not_allowed"),
        ("TRACE", "/generate", 404, "not_found"),
        ("GET", "/jobs/a%0Ab", 404, "not_found"),
        ("GET", "/images/%00.png", 404, "not_found"),
        ("GET", "/%2e%2e/health", 404, "not_found"),
    ],
)
def test_a_wrong_method_or_path_is_refused(
    api: httpx.Client, emulator: Emulator, method: str, path: str, status: int, code: str
) -> None:
    _assert_problem(api.request(method, path), status, code)
    assert emulator.calls() == []


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer"}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer {key}", "x-api-key": "another"}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer unknown-unknown-unknown"}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer {key}", "content-type": "multipart/form-data; boundary=b"}, 400, "invalid_request"),
    ],
    ids=["no key", "bearer of nothing", "keys that disagree", "unknown key", "multipart"],
)
def test_errors_for_openai_clients_have_openais_format(
    anonymous: httpx.Client, stack: Stack, emulator: Emulator, headers: dict[str, str], status: int, code: str
) -> None:
    named = {name: value.format(key=stack.description["api_key"]) for name, value in headers.items()}
    form = '--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na fox\r\n--b--\r\n'

    answer = anonymous.post("/v1/images/generations", content=form, headers=named)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert answer.headers["content-type"] == "application/json"
    assert emulator.calls() == []


def test_a_body_over_ten_megabytes_is_refused(api: httpx.Client, emulator: Emulator) -> None:
    _assert_problem(api.post("/generate", content=b"x" * 10_500_000, headers=JSON), 413, "too_large")
    assert emulator.calls() == []


def _assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert "Traceback" not in answer.text
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def _assert_no_cost(stack: Stack, emulator: Emulator, before: set[str]) -> None:
    assert emulator.calls() == []
    assert stack.keys() == before
