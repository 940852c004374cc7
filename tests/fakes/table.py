"""A table in memory."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from aws.table import Record, TableConflict, TableError


@dataclass
class FakeTable:
    records: dict[str, Record] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    is_read_only: bool = False

    def put(self, key: str, record: Record, expires_at: int) -> None:
        if self.is_read_only:
            raise TableError("AccessDeniedException")
        self._refuse()
        self.records[key] = {**record, "id": key, "expiration": expires_at}

    def swap(self, key: str, record: Record, expires_at: int, *, version: int | None) -> None:
        self._refuse()
        old = self.records.get(key)
        if version is None and old is not None and old["expiration"] < time.time():
            old = None
        if (old["version"] if old else None) != version:
            raise TableConflict
        self.records[key] = {**record, "id": key, "expiration": expires_at}

    def get(self, key: str) -> Record | None:
        self._refuse()
        record = self.records.get(key)
        return record if record and record["expiration"] > time.time() else None

    def get_many(self, keys: Collection[str]) -> Mapping[str, Record]:
        self._refuse()
        found = {key: self.records[key] for key in keys if key in self.records}
        return {key: record for key, record in found.items() if record["expiration"] > time.time()}

    def delete(self, key: str) -> None:
        self._refuse()
        self.records.pop(key, None)

    def _refuse(self) -> None:
        if self.refusals:
            raise TableError(self.refusals.pop(0))
