"""The table's contract, for the adapter on moto and MiniStack, and for the fake."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws import clients
from aws.table import (
    INDEX,
    KEY,
    LISTED_AT,
    LISTING,
    Absent,
    Add,
    AtMost,
    Change,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Equal,
    NotEqual,
    Put,
    Record,
    Same,
    Table,
    TableError,
)
from local import ministack
from tests.fakes.clock import FakeClock
from tests.fakes.table import FakeTable

EitherTable = Table | FakeTable

with_tokens = pytest.mark.parametrize("table", ["ministack", "fake"], indirect=True)
"""moto ignores a transaction's token."""

NAME = "contract"
NOON = 4_000_000_000
"""Far in the future, so that no record expires."""
TOMORROW = NOON + 86_400


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def on_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield from _with_table()


@pytest.fixture
def on_ministack(ministack_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ministack.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ministack.SECRET_KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", ministack_url)
    yield from _with_table()


def _token() -> str:
    return str(uuid.uuid4())


def _with_table() -> Iterator[None]:
    _forget_clients()
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName=NAME,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": KEY, "AttributeType": "S"},
            {"AttributeName": LISTING, "AttributeType": "S"},
            {"AttributeName": LISTED_AT, "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": LISTING, "KeyType": "HASH"},
                    {"AttributeName": LISTED_AT, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    yield
    dynamodb.delete_table(TableName=NAME)
    _forget_clients()


def _forget_clients() -> None:
    clients.session.cache_clear()
    clients.dynamodb.cache_clear()


@pytest.fixture(params=["moto", "ministack", "fake"])
def table(request: pytest.FixtureRequest, clock: FakeClock) -> EitherTable:
    if request.param == "fake":
        return FakeTable(now=clock)
    request.getfixturevalue(f"on_{request.param}")
    return Table(NAME, clock)


def _there(table: EitherTable, key: str) -> Record:
    record = table.get(key)
    assert record is not None
    return record


def test_a_record_is_found_as_it_was_put(table: EitherTable) -> None:
    table.put(
        "image#1", {"owner": "me", "seed": 42, "seed_index": None, "facts": {"at": 0.25, "sizes": [1, 2]}}, TOMORROW
    )

    assert table.get("image#1") == {
        "id": "image#1",
        "owner": "me",
        "seed": 42,
        "seed_index": None,
        "facts": {"at": 0.25, "sizes": [1, 2]},
        "expiration": TOMORROW,
    }


def test_a_record_replaces_the_one_before_as_a_whole(table: EitherTable) -> None:
    table.put("image#1", {"owner": "me", "seed": 42}, TOMORROW)
    table.put("image#1", {"owner": "you"}, TOMORROW)
    assert table.get("image#1") == {"id": "image#1", "owner": "you", "expiration": TOMORROW}


def test_a_whole_number_comes_back_as_one_and_a_number_as_a_name_as_text(table: EitherTable) -> None:
    table.put("a", {"at": 5.0, "settled": {0: "stored"}}, TOMORROW)
    record = _there(table, "a")
    assert (repr(record["at"]), record["settled"]) == ("5", {"0": "stored"})


def test_what_is_not_there_is_none(table: EitherTable) -> None:
    assert table.get("image#1") is None


def test_a_record_that_has_expired_is_not_found_although_it_is_there(table: EitherTable, clock: FakeClock) -> None:
    table.put("image#1", {"owner": "me"}, NOON + 10)
    table.put("image#2", {"owner": "me"}, NOON + 11)
    clock.advance(10)
    assert table.get("image#1") is None
    assert set(table.get_many(["image#1", "image#2"])) == {"image#2"}


def test_several_records_are_found_at_once_by_their_keys(table: EitherTable) -> None:
    for number in range(3):
        table.put(f"image#{number}", {"seed": number}, TOMORROW)
    found = table.get_many([f"image#{number}" for number in (0, 2, 7)])
    assert {key: record["seed"] for key, record in found.items()} == {"image#0": 0, "image#2": 2}


def test_no_keys_find_nothing(table: EitherTable) -> None:
    assert table.get_many([]) == {}


def test_all_changes_of_a_write_are_made(table: EitherTable) -> None:
    table.write([Put("a", {"n": 1}, TOMORROW), Add("total", {"spent": 40, "images": 1})], _token())
    assert table.get("a") == {"id": "a", "n": 1, "expiration": TOMORROW}
    assert table.get("total") == {"id": "total", "spent": 40, "images": 1}


def test_amounts_are_added_to_what_is_there(table: EitherTable) -> None:
    table.write([Add("total", {"spent": 40, "reserved": 10})], _token())
    table.write([Add("total", {"reserved": -10, "images": 2})], _token())
    assert table.get("total") == {"id": "total", "spent": 40, "reserved": 0, "images": 2}


def test_a_deleted_record_is_gone_with_all_other_changes_of_its_write(table: EitherTable) -> None:
    table.put("a", {"n": 1}, TOMORROW)
    table.write([Delete("a"), Delete("missing"), Put("b", {}, TOMORROW)], _token())
    assert set(table.get_many(["a", "b"])) == {"b"}


def test_a_record_is_deleted_only_under_its_condition(table: EitherTable) -> None:
    table.put("a", {"n": 1}, TOMORROW)
    assert not _is_written(table, Delete("a", Equal("n", 2)))
    assert not _is_written(table, Delete("missing", Equal("n", 1)))
    assert _is_written(table, Delete("a", Equal("n", 1)))
    assert table.get("a") is None


def test_a_write_with_a_condition_that_fails_changes_nothing_and_names_the_change(table: EitherTable) -> None:
    table.put("b", {"revision": "old"}, TOMORROW)
    changes: list[Change] = [
        Put("a", {}, TOMORROW),
        Put("b", {"revision": "newer"}, TOMORROW, Equal("revision", "new")),
        Add("total", {"spent": 1}),
        Add("other", {"spent": 1}, Equal("revision", "new")),
    ]
    with pytest.raises(ConditionFailed) as raised:
        table.write(changes, _token())

    assert raised.value.places == {1, 3}
    assert table.get_many(["a", "b", "total", "other"]) == {"b": {"id": "b", "revision": "old", "expiration": TOMORROW}}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Absent(NOON), False),
        (Absent(TOMORROW), True),
        (Absent(TOMORROW - 1), False),
        (Equal("text", "a"), True),
        (Equal("text", "b"), False),
        (Equal("number", 5), True),
        (Equal("number", "5"), False),
        (Equal("missing", "a"), False),
        (NotEqual("text", "a"), False),
        (NotEqual("text", "b"), True),
        (NotEqual("missing", "a"), True),
        (AtMost("number", 5), True),
        (AtMost("number", 4), False),
        (AtMost("number", -1), False),
        (AtMost("missing", 0), True),
        (AtMost("missing", -1), False),
    ],
    ids=str,
)
def test_a_condition_reads_the_current_record(table: EitherTable, condition: Condition, holds: bool) -> None:
    table.put("a", {"text": "a", "number": 5}, TOMORROW)
    assert _is_written(table, Put("a", {}, TOMORROW, condition)) is holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Absent(NOON), True),
        (Equal("text", "a"), False),
        (NotEqual("text", "a"), True),
        (AtMost("number", 0), True),
        (AtMost("number", -1), False),
    ],
    ids=str,
)
def test_a_condition_on_a_missing_record(table: EitherTable, condition: Condition, holds: bool) -> None:
    assert _is_written(table, Put("a", {}, TOMORROW, condition)) is holds


def test_a_sum_without_an_expiry_is_never_absent(table: EitherTable) -> None:
    table.write([Add("total", {"spent": 1})], _token())
    assert not _is_written(table, Add("total", {"spent": 1}, Absent(TOMORROW)))


def _is_written(table: EitherTable, change: Change) -> bool:
    try:
        table.write([change], _token())
    except ConditionFailed:
        return False
    return True


@with_tokens
def test_a_retried_write_is_applied_once(table: EitherTable) -> None:
    token = _token()
    changes: list[Change] = [Put("a", {"n": 1}, TOMORROW, Absent(NOON)), Add("total", {"spent": 40})]
    table.write(changes, token)
    table.put("a", {"n": 2}, TOMORROW)
    table.write(changes, token)
    assert (_there(table, "a")["n"], _there(table, "total")["spent"]) == (2, 40)


@with_tokens
def test_a_write_whose_condition_failed_may_be_retried(table: EitherTable) -> None:
    token = _token()
    changes = [Put("a", {"n": 1}, TOMORROW, Equal("n", 0))]
    with pytest.raises(ConditionFailed):
        table.write(changes, token)
    table.put("a", {"n": 0}, TOMORROW)
    table.write(changes, token)
    assert _there(table, "a")["n"] == 1


@with_tokens
def test_a_token_belongs_to_one_write(table: EitherTable) -> None:
    token = _token()
    table.write([Add("total", {"spent": 1})], token)
    with pytest.raises(TableError) as raised:
        table.write([Add("total", {"spent": 2})], token)
    assert raised.value.code == "IdempotentParameterMismatchException"


def test_a_write_of_nothing_or_of_one_record_twice_is_refused(table: EitherTable) -> None:
    for changes in ([], [Add("total", {"spent": 1}), Add("total", {"spent": 2})]):
        with pytest.raises(TableError) as raised:
            table.write(changes, _token())
        assert raised.value.code in {"ValidationException", "ParamValidationError"}


def _list(table: EitherTable, *places: tuple[str, float]) -> None:
    for name, at in places:
        table.put(name, {LISTING: "images#me", LISTED_AT: at}, TOMORROW)


def _names(records: Sequence[Record]) -> list[str]:
    return [record["id"] for record in records]


def test_a_listing_is_newest_first(table: EitherTable) -> None:
    _list(table, ("a", 1), ("c", 2.5), ("b", 2.25))
    assert _names(table.listed("images#me", 10).records) == ["c", "b", "a"]


def test_a_listing_up_to_a_time_is_oldest_first(table: EitherTable) -> None:
    _list(table, ("a", 3), ("b", 1), ("c", 2), ("d", 2.001))
    assert _names(table.listed("images#me", 10, until=2).records) == ["b", "c"]


def test_other_listings_and_records_without_a_place_are_not_listed(table: EitherTable) -> None:
    _list(table, ("a", 1))
    table.put("b", {LISTING: "images#you", LISTED_AT: 1}, TOMORROW)
    table.put("c", {LISTED_AT: 1}, TOMORROW)
    table.put("d", {}, TOMORROW)
    assert _names(table.listed("images#me", 10).records) == ["a"]


def test_a_record_leaves_the_listing_when_it_is_written_without_a_place(table: EitherTable) -> None:
    _list(table, ("a", 1), ("b", 2))
    table.write([Put("a", {}, TOMORROW)], _token())
    assert _names(table.listed("images#me", 10).records) == ["b"]


def test_a_record_that_has_expired_is_not_listed(table: EitherTable, clock: FakeClock) -> None:
    _list(table, ("a", 1))
    table.put("b", {LISTING: "images#me", LISTED_AT: 2}, NOON + 10)
    clock.advance(10)
    assert _names(table.listed("images#me", 10).records) == ["a"]


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ({"budget": 25.5}, True),
        ({"budget": 25.5, "jobs": "none", "name": None}, True),
        ({"budget": 25.5, "jobs": None}, False),
        ({"budget": 25}, False),
        ({"budget": "25.5"}, False),
        ({"name": "web shop"}, False),
    ],
    ids=repr,
)
def test_a_check_writes_nothing_and_decides_for_the_others(
    table: EitherTable, values: dict[str, str | float | None], holds: bool
) -> None:
    table.put("entry", {"budget": 25.5, "jobs": "none"}, TOMORROW)
    changes: list[Change] = [Add("total", {"spent": 1}), Check("entry", Same(values))]

    with nullcontext() if holds else pytest.raises(ConditionFailed) as failed:
        table.write(changes, _token())

    assert failed is None or failed.value.places == {1}
    assert table.get("total") == ({"id": "total", "spent": 1} if holds else None)
    assert _there(table, "entry") == {"id": "entry", "budget": 25.5, "jobs": "none", "expiration": TOMORROW}


@pytest.mark.parametrize(("value", "holds"), [(None, True), (1, False)])
def test_a_check_of_an_absent_record_makes_none(table: EitherTable, value: float | None, holds: bool) -> None:
    with nullcontext() if holds else pytest.raises(ConditionFailed):
        table.write([Add("total", {"spent": 1}), Check("entry", Same({"budget": value}))], _token())
    assert table.get("entry") is None


@pytest.mark.parametrize("until", [None, 9])
def test_pages_follow_each_other_without_a_gap_and_without_a_repeat(table: EitherTable, until: float | None) -> None:
    _list(table, *[(f"image#{number}", number % 4) for number in range(7)])

    pages, start = [], None
    while True:
        page = table.listed("images#me", 3, until=until, start=start)
        pages.append(_names(page.records))
        start = page.next
        if start is None:
            break

    assert [len(page) for page in pages if page] == [3, 3, 1]
    assert sorted(name for page in pages for name in page) == [f"image#{number}" for number in range(7)]


def test_a_page_starts_after_a_deleted_record(table: EitherTable) -> None:
    _list(table, ("a", 1), ("b", 2), ("c", 3))
    start = table.listed("images#me", 2).next
    table.put("b", {}, TOMORROW)
    assert _names(table.listed("images#me", 2, start=start).records) == ["a"]


@pytest.fixture(params=["real", "fake"])
def missing(request: pytest.FixtureRequest) -> EitherTable:
    if request.param == "fake":
        return FakeTable(refusals=["ResourceNotFoundException"])
    request.getfixturevalue("on_moto")
    return Table("no-such-table")


@pytest.mark.parametrize(
    "use",
    [
        lambda table: table.put("a", {}, 1),
        lambda table: table.get("a"),
        lambda table: table.get_many(["a"]),
        lambda table: table.write([Add("a", {"n": 1})], _token()),
        lambda table: table.listed("images#me", 1),
    ],
    ids=["put", "get", "get_many", "write", "listed"],
)
def test_a_refusal_is_reported_by_its_code(missing: EitherTable, use: Callable[[EitherTable], None]) -> None:
    with pytest.raises(TableError) as raised:
        use(missing)
    assert raised.value.code == "ResourceNotFoundException"


@pytest.mark.usefixtures("on_moto")
def test_dynamodb_is_asked_by_the_key_of_the_template() -> None:
    Table(NAME).put("image#1", {}, TOMORROW)
    item = boto3.client("dynamodb").get_item(TableName=NAME, Key={"id": {"S": "image#1"}})["Item"]
    assert item["expiration"] == {"N": str(TOMORROW)}


@pytest.mark.usefixtures("on_moto")
def test_a_failed_condition_is_recognised_whichever_client_met_it() -> None:
    """Clients of different sessions, as threads may make them, have exception classes of their own."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("session", "dynamodb"):
            patched.setattr(clients, name, getattr(clients, name).__wrapped__)
        with pytest.raises(ConditionFailed):
            Table(NAME).write([Put("a", {}, TOMORROW, Equal("revision", "other"))], "token")


def test_a_write_of_the_fake_may_be_applied_although_it_raises() -> None:
    table = FakeTable(lost_answers=["ReadTimeoutError"])
    with pytest.raises(TableError):
        table.write([Add("total", {"spent": 1})], _token())
    assert table.get("total") == {"id": "total", "spent": 1}


@pytest.mark.usefixtures("on_moto")
def test_what_dynamodb_leaves_out_of_an_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto leaves out nothing, but DynamoDB may, if the answer is large or it throttles."""
    client = clients.dynamodb()
    whole: Any = client.batch_get_item
    asked: list[list[str]] = []

    def one_of_them(RequestItems: dict[str, Any]) -> Any:  # noqa: ANN401, N803 - as boto3's
        request = RequestItems[NAME]
        asked.append([key[KEY]["S"] for key in request["Keys"]])
        rest = {NAME: {**request, "Keys": request["Keys"][1:]}} if request["Keys"][1:] else {}
        return whole(RequestItems={NAME: {**request, "Keys": request["Keys"][:1]}}) | {"UnprocessedKeys": rest}

    monkeypatch.setattr(client, "batch_get_item", one_of_them)
    table = Table(NAME, now=lambda: NOON)
    table.put("a", {}, TOMORROW)
    table.put("b", {}, TOMORROW)

    assert table.get_many(["a", "missing", "b"]).keys() == {"a", "b"}
    assert asked == [["a", "missing", "b"], ["missing", "b"], ["b"]]
