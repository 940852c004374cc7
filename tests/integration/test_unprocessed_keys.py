"""DynamoDB may leave keys of a batch unread; the table asks for them again."""

import pytest
from botocore.stub import Stubber

from aws import clients
from aws.table import KEY, Table

NAME = "contract"


def item(key: str) -> dict[str, dict[str, str]]:
    return {KEY: {"S": key}}


def asked(*keys: str) -> dict[str, dict[str, object]]:
    return {NAME: {"Keys": [item(key) for key in keys], "ConsistentRead": True}}


def test_keys_that_were_left_unread_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with Stubber(clients.dynamodb()) as service:
        service.add_response(
            "batch_get_item",
            {"Responses": {NAME: [item("one")]}, "UnprocessedKeys": asked("two")},
            {"RequestItems": asked("one", "two")},
        )
        service.add_response("batch_get_item", {"Responses": {NAME: [item("two")]}}, {"RequestItems": asked("two")})
        found = Table(NAME).get_many(["one", "two"])
        service.assert_no_pending_responses()
    assert set(found) == {"one", "two"}
