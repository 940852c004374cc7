"""The table, real and fake: both keep the same promises."""

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from aws.table import Table, TableError
from tests.fakes.table import FakeTable
from tests.integration.conftest import TABLE

pytestmark = pytest.mark.usefixtures("aws")

both = pytest.mark.parametrize("make", [lambda: Table(TABLE), FakeTable], ids=["real", "fake"])
TOMORROW = int(time.time()) + 86_400


@both
def test_a_record_is_found_as_it_was_put(make: Callable[[], Any]) -> None:
    table = make()
    table.put("image#1", {"owner": "me", "seed": 42, "seed_index": None}, TOMORROW)

    record = table.get("image#1")

    assert record == {"id": "image#1", "owner": "me", "seed": 42, "seed_index": None, "expiration": TOMORROW}


@both
def test_what_is_not_there_is_none_and_deleting_it_is_no_error(make: Callable[[], Any]) -> None:
    table = make()
    table.put("image#1", {"owner": "me"}, TOMORROW)
    table.delete("image#1")
    table.delete("image#1")
    assert table.get("image#1") is None


@both
def test_an_expired_record_counts_for_nothing_although_it_is_still_there(make: Callable[[], Any]) -> None:
    table = make()
    table.put("image#1", {"owner": "me"}, int(time.time()) - 1)
    assert table.get("image#1") is None


def _refused() -> FakeTable:
    return FakeTable(refusals=["ResourceNotFoundException"])


@pytest.mark.parametrize("make", [lambda: Table("no-such-table"), _refused], ids=["real", "fake"])
@pytest.mark.parametrize(
    "use", [lambda t: t.put("a", {}, 1), lambda t: t.get("a"), lambda t: t.delete("a")], ids=["put", "get", "delete"]
)
def test_a_refusal_is_told_by_its_code(make: Callable[[], Any], use: Callable[[Any], None]) -> None:
    with pytest.raises(TableError) as raised:
        use(make())
    assert raised.value.code == "ResourceNotFoundException"


def test_dynamodb_is_asked_by_the_key_of_the_template() -> None:
    Table(TABLE).put("image#1", {}, TOMORROW)
    item = boto3.client("dynamodb").get_item(TableName=TABLE, Key={"id": {"S": "image#1"}})["Item"]
    assert item["expiration"] == {"N": str(TOMORROW)}
