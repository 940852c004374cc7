"""A table in memory."""

import time
from dataclasses import dataclass, field

from aws.table import Record, TableError


@dataclass
class FakeTable:
    records: dict[str, Record] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    def put(self, key: str, record: Record, expires_at: int) -> None:
        self._refuse()
        self.records[key] = {**record, "id": key, "expiration": expires_at}

    def get(self, key: str) -> Record | None:
        self._refuse()
        record = self.records.get(key)
        return record if record and record["expiration"] > time.time() else None

    def delete(self, key: str) -> None:
        self._refuse()
        self.records.pop(key, None)

    def _refuse(self) -> None:
        if self.refusals:
            raise TableError(self.refusals.pop(0))
