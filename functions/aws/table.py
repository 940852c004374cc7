"""Keeps records in the one DynamoDB table, each under an id of its own kind, each until it expires."""

import time
from collections.abc import Iterator, Mapping
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


@dataclass(frozen=True)
class Table:
    """The table by its name. Numbers are whole numbers. Everything raises TableError."""

    name: str

    def put(self, key: str, record: Record, expires_at: int) -> None:
        """Writes a record, over one that may be there; `expires_at` is in epoch seconds."""
        item = {**record, KEY: key, EXPIRY: expires_at}
        with _as_table_error():
            clients.dynamodb().put_item(
                TableName=self.name, Item={name: _serialize(value) for name, value in item.items()}
            )

    def get(self, key: str) -> Record | None:
        """The record, if there is one that has not expired; DynamoDB itself deletes days late."""
        with _as_table_error():
            answer = clients.dynamodb().get_item(TableName=self.name, Key=_key(key), ConsistentRead=True)
        record = {name: _deserialize(value) for name, value in answer.get("Item", {}).items()}
        return record if record and record[EXPIRY] > time.time() else None

    def delete(self, key: str) -> None:
        with _as_table_error():
            clients.dynamodb().delete_item(TableName=self.name, Key=_key(key))


def _key(key: str) -> dict[str, Any]:
    return {KEY: _serialize(key)}


@contextmanager
def _as_table_error() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise TableError(error.response["Error"]["Code"]) from error
    except BotoCoreError as error:
        raise TableError(type(error).__name__) from error
