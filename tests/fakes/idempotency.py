"""Powertools' idempotency records in memory, under the rules of its DynamoDB layer."""

import time
from collections.abc import Mapping
from threading import Lock
from typing import Any

from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

from aws.table import TableError


class FakeIdempotency(BasePersistenceLayer):
    """`refusals` names the operations that fail from now on: put, update, delete."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, DataRecord] = {}
        self.refusals: set[str] = set()
        self._lock = Lock()

    def completed(self, data: Mapping[str, Any]) -> str | None:
        self._refuse("get")
        try:
            record = self.get_record(dict(data))
        except IdempotencyItemNotFoundError:
            return None
        return record.response_data if record.status == "COMPLETED" else None

    def forget(self, data: Mapping[str, Any]) -> None:
        self._delete(data, "COMPLETED")

    def release(self, data: Mapping[str, Any]) -> None:
        self._delete(data, "INPROGRESS")

    def _delete(self, data: Mapping[str, Any], status: str) -> None:
        self._refuse("delete")
        key = str(self._get_hashed_idempotency_key(dict(data)))
        if key in self.records and self.records[key].status == status:
            self.records.pop(key)

    def _get_record(self, idempotency_key: str) -> DataRecord:
        if idempotency_key not in self.records:
            raise IdempotencyItemNotFoundError
        return self.records[idempotency_key]

    def _put_record(self, data_record: DataRecord) -> None:
        self._refuse("put")
        with self._lock:
            old = self.records.get(data_record.idempotency_key)
            if old is not None and not _is_over(old):
                self._validate_payload(data_payload=data_record, stored_data_record=old)
                raise IdempotencyItemAlreadyExistsError(old_data_record=old)
            self.records[data_record.idempotency_key] = data_record

    def _update_record(self, data_record: DataRecord) -> None:
        self._refuse("update")
        self.records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record: DataRecord) -> None:
        self._refuse("delete")
        self.records.pop(data_record.idempotency_key, None)

    def _refuse(self, operation: str) -> None:
        if operation in self.refusals:
            raise TableError(operation)


def now_millis() -> float:
    return time.time() * 1000


def _is_over(record: DataRecord) -> bool:
    dead = record.status == "INPROGRESS" and (record.in_progress_expiry_timestamp or 0) < now_millis()
    return bool(record.is_expired) or dead
