"""The DynamoDB table: records by id, conditional transactions, and an index of listings by time.

A record is an item with an `id` that names its kind (`image#…`) and an `expiration` in epoch seconds, after which it is
treated as absent. A listed record also has a `listing` and `listed_at`, the time by which the listing is sorted.
"""

import json
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from aws import clients
from aws.errors import ServiceError, raising

KEY = "id"
EXPIRY = "expiration"
LISTING = "listing"
LISTED_AT = "listed_at"
INDEX = "listings"

CONFLICT_TRIES = 20
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize

Record = Mapping[str, Any]


class TableError(ServiceError):
    """Raised by every call to the table. A write may have been applied."""


class ConditionFailed(Exception):
    """Nothing was written. `places` are the positions of the changes whose condition did not hold."""

    def __init__(self, places: Collection[int]) -> None:
        super().__init__(sorted(places))
        self.places = frozenset(places)


@dataclass(frozen=True)
class Absent:
    """The record does not exist, or has expired by `now` (epoch seconds)."""

    now: float


@dataclass(frozen=True)
class Equal:
    attribute: str
    value: str | int


@dataclass(frozen=True)
class NotEqual:
    """The attribute is absent or has another value."""

    attribute: str
    value: str


@dataclass(frozen=True)
class AtMost:
    """The attribute is at most the limit; an absent one counts as 0."""

    attribute: str
    limit: int


@dataclass(frozen=True)
class Same:
    """The attributes have these values; None is an absent one."""

    values: Mapping[str, str | float | None]


Condition = Absent | Equal | NotEqual | AtMost | Same


@dataclass(frozen=True)
class Put:
    """Writes a whole record, replacing one that exists."""

    key: str
    record: Record
    expires_at: int
    condition: Condition | None = None


@dataclass(frozen=True)
class Add:
    """Adds whole numbers to attributes. An absent record or attribute counts as 0."""

    key: str
    amounts: Mapping[str, int]
    condition: Condition | None = None


@dataclass(frozen=True)
class Delete:
    """Deletes a record."""

    key: str
    condition: Condition | None = None


@dataclass(frozen=True)
class Check:
    """Writes nothing: the other changes are applied only if the condition holds."""

    key: str
    condition: Condition


Change = Put | Add | Delete | Check


@dataclass(frozen=True)
class Page:
    """Listed records, and the start of the next page; None after the last page."""

    records: Sequence[Record]
    next: Record | None


@dataclass(frozen=True)
class Table:
    """The table, by its name. Each call raises TableError."""

    name: str
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def get(self, key: str) -> Record | None:
        """The record, unless it is absent or expired. DynamoDB deletes expired items days late."""
        with raising(TableError):
            answer = clients.dynamodb().get_item(TableName=self.name, Key=_key(key), ConsistentRead=True)
        record = _record(answer.get("Item", {}))
        return record if record and self._counts(record) else None

    def get_many(self, keys: Collection[str]) -> Mapping[str, Record]:
        """The records with these keys, at most 100, each as `get` returns it."""
        requests: Any = {self.name: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}} if keys else {}
        items: list[Any] = []
        while requests:
            with raising(TableError):
                answer = clients.dynamodb().batch_get_item(RequestItems=requests)
            items += answer["Responses"].get(self.name, [])
            requests = answer.get("UnprocessedKeys")
        records = [_record(item) for item in items]
        return {record[KEY]: record for record in records if self._counts(record)}

    def put(self, key: str, record: Record, expires_at: int) -> None:
        """Writes a record, over one that may be there."""
        with raising(TableError):
            clients.dynamodb().put_item(TableName=self.name, Item=_item(Put(key, record, expires_at)))

    def write(self, changes: Sequence[Change], token: str) -> None:
        """Applies all changes or none. Also raises ConditionFailed.

        `token` makes a retry of the same write within ten minutes idempotent. Conflicts with other transactions are
        retried with jitter.
        """
        for tries in range(CONFLICT_TRIES):
            try:
                return self._transact(changes, token)
            except _Conflict:
                self.sleep(random.uniform(0, min(FIRST_PAUSE_SECONDS * 2**tries, LONGEST_PAUSE_SECONDS)))  # noqa: S311
        raise TableError("TransactionConflict")

    def listed(self, listing: str, limit: int, *, until: float | None = None, start: Record | None = None) -> Page:
        """A page of a listing, the newest first; with `until` only records up to then, the oldest first."""
        key, names = "#listing = :listing", {"#listing": LISTING}
        values: dict[str, Any] = {":listing": listing}
        if until is not None:
            key, names, values = f"{key} AND #at <= :until", names | {"#at": LISTED_AT}, values | {":until": until}
        request: dict[str, Any] = {"ExclusiveStartKey": _item_values(start)} if start else {}
        with raising(TableError):
            answer = clients.dynamodb().query(
                TableName=self.name,
                IndexName=INDEX,
                KeyConditionExpression=key,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=_item_values(values),
                ScanIndexForward=until is not None,
                Limit=limit,
                **request,
            )
        records = [record for item in answer["Items"] if self._counts(record := _record(item))]
        last = answer.get("LastEvaluatedKey")
        return Page(records, _record(last) if last else None)

    def _transact(self, changes: Sequence[Change], token: str) -> None:
        with raising(TableError):
            try:
                clients.dynamodb().transact_write_items(
                    TransactItems=[self._expressed(change) for change in changes], ClientRequestToken=token
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionCanceledException":
                    raise
                raise _why_cancelled(error) from error

    def _expressed(self, change: Change) -> Any:  # noqa: ANN401 - one of DynamoDB's many shapes
        condition = _condition(change.condition)
        if isinstance(change, Put):
            return {"Put": {"TableName": self.name, "Item": _item(change), **condition.request()}}
        if isinstance(change, Delete | Check):
            operation = "Delete" if isinstance(change, Delete) else "ConditionCheck"
            return {operation: {"TableName": self.name, "Key": _key(change.key), **condition.request()}}
        added = _added(change.amounts)
        request = _Expression("", added.names | condition.names, added.values | condition.values).request()
        if condition.text:
            request["ConditionExpression"] = condition.text
        return {"Update": {"TableName": self.name, "Key": _key(change.key), "UpdateExpression": added.text, **request}}

    def _counts(self, record: Record) -> bool:
        return EXPIRY not in record or bool(record[EXPIRY] > self.now())


class _Conflict(Exception):
    """Another transaction changed one of the items, or DynamoDB throttled. Nothing was written."""


def _why_cancelled(error: ClientError) -> ConditionFailed | _Conflict:
    reasons: Any = error.response.get("CancellationReasons", [])
    codes = [reason.get("Code", "None") for reason in reasons]
    failed = [place for place, code in enumerate(codes) if code == "ConditionalCheckFailed"]
    return _Conflict() if len(failed) + codes.count("None") < len(codes) else ConditionFailed(failed)


@dataclass(frozen=True)
class _Expression:
    text: str
    names: dict[str, str]
    values: dict[str, Any]

    def request(self) -> dict[str, Any]:
        """The parameters that are not empty; DynamoDB refuses empty ones."""
        parts = {
            "ConditionExpression": self.text,
            "ExpressionAttributeNames": self.names,
            "ExpressionAttributeValues": _item_values(self.values),
        }
        return {name: part for name, part in parts.items() if part}


def _condition(condition: Condition | None) -> _Expression:
    match condition:
        case None:
            return _Expression("", {}, {})
        case Absent(now):
            names = {"#key": KEY, "#expiry": EXPIRY}
            return _Expression("attribute_not_exists(#key) OR #expiry <= :now", names, {":now": now})
        case Equal(attribute, value):
            return _Expression("#checked = :checked", {"#checked": attribute}, {":checked": value})
        case NotEqual(attribute, value):
            names = {"#checked": attribute}
            return _Expression("attribute_not_exists(#checked) OR #checked <> :checked", names, {":checked": value})
        case AtMost(attribute, limit):
            absent = "attribute_not_exists(#checked) OR " if limit >= 0 else ""
            return _Expression(f"{absent}#checked <= :checked", {"#checked": attribute}, {":checked": limit})
        case Same(values):
            return _same(values)


def _same(values: Mapping[str, str | float | None]) -> _Expression:
    names = {f"#s{place}": attribute for place, attribute in enumerate(values)}
    present = {f":s{place}": value for place, value in enumerate(values.values()) if value is not None}
    terms = (
        f"#s{place} = :s{place}" if f":s{place}" in present else f"attribute_not_exists(#s{place})"
        for place in range(len(values))
    )
    return _Expression(" AND ".join(terms), names, present)


def _added(amounts: Mapping[str, int]) -> _Expression:
    text = "ADD " + ", ".join(f"#a{place} :a{place}" for place in range(len(amounts)))
    names = {f"#a{place}": name for place, name in enumerate(amounts)}
    return _Expression(text, names, {f":a{place}": amount for place, amount in enumerate(amounts.values())})


def _item(put: Put) -> dict[str, Any]:
    return _item_values({**put.record, KEY: put.key, EXPIRY: put.expires_at})


def _item_values(values: Mapping[str, Any]) -> dict[str, Any]:
    exact = json.loads(json.dumps(values), parse_float=Decimal)
    return {name: _serialize(value) for name, value in exact.items()}


def _record(item: Mapping[str, Any]) -> Record:
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever an item holds
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {name: _plain(one) for name, one in value.items()}
    return value


def _key(key: str) -> dict[str, Any]:
    return {KEY: _serialize(key)}
