"""The key door: one key, from either header; its holder's name; and API Gateway's word for no."""

import hashlib
from typing import Any

import pytest

from authorizer.app import Unauthorized, lambda_handler
from tests.fakes.lambda_runtime import FakeContext

ARN = "arn:aws:execute-api:us-east-1:000000000000:a1b2c3d4e5/api/POST/generate"
KEY = "k" * 40


def authorize(headers: dict[str, str]) -> dict[str, Any]:
    return lambda_handler({"type": "REQUEST", "methodArn": ARN, "headers": headers}, FakeContext())


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
def test_the_key_is_handed_over_from_either_header(headers: dict[str, str]) -> None:
    answer = authorize(headers)

    assert answer["usageIdentifierKey"] == KEY
    assert answer["context"] == {"caller": hashlib.sha256(KEY.encode()).hexdigest()[:16]}
    assert answer["principalId"] == answer["context"]["caller"]


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
    ],
)
def test_no_key_or_two_that_disagree_are_unauthorized(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized) as raised:
        authorize(headers)
    assert str(raised.value) == "Unauthorized"
