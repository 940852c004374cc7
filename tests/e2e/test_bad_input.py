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


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ('{"jsonrpc": "2.0", "id": 1, "method": "paint"}', {}, 200, -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "paint"}}', {}, 200, -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping"}', {"mcp-protocol-version": "2099-01-01"}, 400, -32022),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', {}, 400, -32600),
        ('{"jsonrpc": "2.0", "id": "%s", "method": "ping"}' % ('\\"' * 1_500_000), {}, 400, -32600),
        ("a fox", {}, 400, -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping"}', {"content-type": "text/plain"}, 415, -32600),
    ],
    ids=["method", "tool", "version of the future", "batch", "3 MB of id", "not JSON", "content type"],
)
def test_a_bad_message_to_mcp_is_answered_by_its_rules(
    api: httpx.Client, emulator: Emulator, body: str, headers: dict[str, str], status: int, code: int
) -> None:
    answer = api.post("/mcp", content=body, headers=JSON | headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json()["error"]["code"] == code
    assert len(answer.text) < 1000
    assert emulator.calls() == []


def test_mcp_has_no_streams_and_a_notification_no_answer(api: httpx.Client) -> None:
    stream = api.get("/mcp", headers={"accept": "text/event-stream"})
    notified = api.post("/mcp", content='{"jsonrpc": "2.0", "method": "notifications/initialized"}', headers=JSON)

    _assert_problem(stream, 405, "method_not_allowed")
    assert (notified.status_code, notified.text) == (202, "")


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
