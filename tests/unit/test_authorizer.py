"""The key door: one key, from either header; its holder's name; and API Gateway's word for no."""

import hashlib
from typing import Any

import pytest

from authorizer.app import lambda_handler
from tests.fakes.lambda_runtime import FakeContext

ARN = "arn:aws:execute-api:us-east-1:000000000000:a1b2c3d4e5/api/POST/generate"
KEY = "k" * 40
PUBLIC = "public-0ccb4f4e-8a3b-4a0c-9d61-3f1b3f0c9a11"


@pytest.fixture(autouse=True)
def _public_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("GATEWAY_TOKEN", "a-token")
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example")


def authorize(
    headers: dict[str, str], path: str = "generate", query: dict[str, str] | None = None, method: str = "POST"
) -> dict[str, Any]:
    event = {
        "type": "REQUEST",
        "methodArn": ARN,
        "headers": headers,
        "httpMethod": method,
        "pathParameters": {"proxy": path},
        "queryStringParameters": query,
    }
    return lambda_handler(event, FakeContext())


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"X-API-Key": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"x-api-key": KEY, "Authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY, "Authorization": "Basic dXNlcjpwYXNz"},
    ],
)
def test_the_key_is_taken_from_either_header(headers: dict[str, str]) -> None:
    answer = authorize(headers)

    assert answer["usageIdentifierKey"] == KEY
    caller = hashlib.sha256(KEY.encode()).hexdigest()[:16]
    assert answer["context"] == {
        "caller": caller,
        "gateway_token": "a-token",
        "error_type": "application/problem+json",
    }
    assert answer["principalId"] == answer["context"]["caller"]


@pytest.mark.parametrize("headers", [{"x-api-key": KEY}, {}], ids=["allowed", "denied"])
@pytest.mark.parametrize(
    ("path", "error_type"),
    [
        ("v1", "application/json"),
        ("v1/images/generations", "application/json"),
        ("v1/", "application/json"),
        ("v10", "application/problem+json"),
        ("generate", "application/problem+json"),
        ("images/v1", "application/problem+json"),
    ],
)
def test_the_gateways_errors_have_openais_content_type_on_openais_paths(
    headers: dict[str, str], path: str, error_type: str
) -> None:
    assert authorize(headers, path)["context"]["error_type"] == error_type


def test_the_request_is_allowed() -> None:
    (statement,) = authorize({"x-api-key": KEY})["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    assert statement["Resource"] == ["arn:aws:execute-api:us-east-1:000000000000:a1b2c3d4e5/api/*/*"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "  "},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"x-api-key": KEY, "Authorization": "Bearer another"},
        {"x-api-key": PUBLIC},
        {"Authorization": f"Bearer {PUBLIC}"},
    ],
)
def test_no_key_or_two_that_disagree_are_denied(headers: dict[str, str]) -> None:
    assert_denied(authorize(headers))


def assert_denied(answer: dict[str, Any]) -> None:
    """API Gateway is told a Deny: an exception would count as an error of the function."""
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "execute-api:Invoke")
    assert statement["Resource"] == ["arn:aws:execute-api:us-east-1:000000000000:a1b2c3d4e5/api/*/*"]
    assert "usageIdentifierKey" not in answer
    assert answer["context"].keys() == {"error_type"}


@pytest.mark.parametrize("path", ["health", "openapi.json", "docs"])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": PUBLIC}])
def test_open_paths_need_no_key_and_go_by_the_public_one(path: str, headers: dict[str, str]) -> None:
    assert authorize(headers, path, method="GET")["usageIdentifierKey"] == PUBLIC


@pytest.mark.parametrize("path", ["health", "generate", "jobs/1"])
def test_a_browser_asks_first_without_a_key(path: str) -> None:
    assert authorize({"Origin": "https://app.example"}, path, method="OPTIONS")["usageIdentifierKey"] == PUBLIC


@pytest.mark.parametrize("path", ["health", "models"])
def test_a_key_that_is_sent_counts_on_open_paths_too(path: str) -> None:
    assert authorize({"x-api-key": KEY}, path, method="GET")["usageIdentifierKey"] == KEY


@pytest.mark.parametrize(
    ("path", "query", "method"),
    [
        ("health", {"deep": "true"}, "GET"),
        ("health", {"deep": "false"}, "GET"),
        ("health", None, "DELETE"),
        ("health/", None, "GET"),
        ("models", None, "GET"),
        ("docs/../generate", None, "GET"),
        ("", None, "GET"),
    ],
)
def test_nothing_else_is_open(path: str, query: dict[str, str] | None, method: str) -> None:
    assert_denied(authorize({}, path, query, method))


@pytest.mark.parametrize("path", ["health", "generate"])
def test_without_cors_preflight_requests_need_a_key(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "")
    assert_denied(authorize({"Origin": "https://app.example"}, path, method="OPTIONS"))
    assert authorize({"x-api-key": KEY}, path, method="OPTIONS")["usageIdentifierKey"] == KEY


@pytest.mark.parametrize("headers", [{"x-api-key": None}, {"Authorization": 5}, [], "x-api-key"])
def test_a_malformed_event_is_denied(headers: Any) -> None:  # noqa: ANN401 - whatever is sent
    assert_denied(authorize(headers))


@pytest.mark.parametrize("parameters", [True, "proxy", ["proxy"]])
def test_an_event_with_a_malformed_path_is_denied(parameters: object) -> None:
    assert_denied(lambda_handler({"methodArn": ARN, "pathParameters": parameters, "headers": {}}, FakeContext()))
