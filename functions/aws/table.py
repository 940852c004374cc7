"""Keeps records in the one DynamoDB table, each under an id of its own kind, each until it expires."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from aws import clients

KEY = "id"
EXPIRY = "expiration"

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize

Record = Mapping[str, Any]


class TableError(Exception):
    """The table refused or could not be reached; `code` is AWS's exception name."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TableConflict(Exception):
    """The record is not what the writer believed it to be: somebody else was faster."""


@dataclass(frozen=True)
class Table:
    """The table by its name. Numbers are whole numbers. Everything raises TableError."""

    name: str

    def put(self, key: str, record: Record, expires_at: int) -> None:
        """Writes a record, over one that may be there; `expires_at` is in epoch seconds."""
        item = {**record, KEY: key, EXPIRY: expires_at}
        with as_table_error():
            clients.dynamodb().put_item(
                TableName=self.name, Item={name: _serialize(value) for name, value in item.items()}
            )

    def swap(self, key: str, record: Record, expires_at: int, *, version: int | None) -> None:
        """Writes a record with a `version` of its own over the one of that version; None means that there is none, or
        only one that has expired. Raises TableConflict too."""
        item = {**record, KEY: key, EXPIRY: expires_at}
        if version is None:
            condition, believed = "attribute_not_exists(#key) OR #expiry < :believed", int(time.time())
            names = {"#key": KEY, "#expiry": EXPIRY}
        else:
            condition, believed, names = "#version = :believed", version, {"#version": "version"}
        try:
            with as_table_error():
                clients.dynamodb().put_item(
                    TableName=self.name,
                    Item={name: _serialize(value) for name, value in item.items()},
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues={":believed": _serialize(believed)},
                )
        except TableError as error:
            if error.code == "ConditionalCheckFailedException":
                raise TableConflict from error
            raise

    def get(self, key: str) -> Record | None:
        """The record, if there is one that has not expired; DynamoDB itself deletes days late."""
        with as_table_error():
            answer = clients.dynamodb().get_item(TableName=self.name, Key=_key(key), ConsistentRead=True)
        record = _record(answer.get("Item", {}))
        return record if record and _counts(record) else None

    def get_many(self, keys: Collection[str]) -> Mapping[str, Record]:
        """The records of at most 100 keys, as `get` finds each."""
        asked: Any = {self.name: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        items: list[Any] = []
        while asked:
            with as_table_error():
                answer = clients.dynamodb().batch_get_item(RequestItems=asked)
            items += answer["Responses"].get(self.name, [])
            asked = answer.get("UnprocessedKeys")
        records = [_record(item) for item in items]
        return {record[KEY]: record for record in records if _counts(record)}

    def delete(self, key: str) -> None:
        with as_table_error():
            clients.dynamodb().delete_item(TableName=self.name, Key=_key(key))


def _record(item: Mapping[str, Any]) -> Record:
    return {name: _deserialize(value) for name, value in item.items()}


def _counts(record: Record) -> bool:
    return bool(record[EXPIRY] > time.time())


def _key(key: str) -> dict[str, Any]:
    return {KEY: _serialize(key)}


@contextmanager
def as_table_error(passing: str | None = None) -> Iterator[None]:
    """Botocore's errors as TableError, but for the one code that its caller knows what to do with."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] == passing:
            raise
        raise TableError(error.response["Error"]["Code"]) from error
    except BotoCoreError as error:
        raise TableError(type(error).__name__) from error
