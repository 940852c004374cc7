"""A table in memory that follows DynamoDB's rules."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from aws.table import (
    EXPIRY,
    KEY,
    LISTED_AT,
    LISTING,
    Absent,
    Add,
    AtMost,
    Change,
    Condition,
    ConditionFailed,
    Delete,
    Equal,
    NotEqual,
    Page,
    Put,
    Record,
    Same,
    TableError,
)

TOKEN_SECONDS = 600
"""How long DynamoDB remembers a transaction's token."""

MOST_ITEM_BYTES = 400_000
MOST_KEYS = 100


@dataclass
class FakeTable:
    """`refusals` are codes of calls that are refused, one each; `lost_answers` of writes that are applied and then
    raise."""

    records: dict[str, Record] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    lost_answers: list[str] = field(default_factory=list)
    is_read_only: bool = False
    now: Callable[[], float] = time.time
    _tokens: dict[str, tuple[float, Sequence[Change]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: str) -> Record | None:
        self._refuse()
        _valid(isinstance(key, str))
        record = self.records.get(key)
        return record if record and self._counts(record) else None

    def get_many(self, keys: Collection[str]) -> Mapping[str, Record]:
        self._refuse()
        _valid(len(keys) <= MOST_KEYS and len(set(keys)) == len(keys))
        found = {key: self.records[key] for key in keys if key in self.records}
        return {key: record for key, record in found.items() if self._counts(record)}

    def put(self, key: str, record: Record, expires_at: int) -> None:
        self._refuse(writes=True)
        self.records[key] = _stored(Put(key, record, expires_at))
        self._lose()

    def write(self, changes: Sequence[Change], token: str) -> None:
        self._refuse(writes=True)
        with self._lock:
            if not self._is_known(changes, token):
                self._apply(changes)
                self._tokens[token] = (self.now(), changes)
        self._lose()

    def listed(self, listing: str, limit: int, *, until: float | None = None, start: Record | None = None) -> Page:
        self._refuse()
        is_ascending = until is not None
        entries = sorted(
            (record for record in self.records.values() if record.get(LISTING) == listing and LISTED_AT in record),
            key=_place,
            reverse=not is_ascending,
        )
        if until is not None:
            entries = [record for record in entries if record[LISTED_AT] <= until]
        if start is not None:
            entries = [
                entry
                for entry in entries
                if (_place(entry) > _place(start)) == is_ascending and not _same(entry, start)
            ]
        page = entries[:limit]
        last = {name: page[-1][name] for name in (KEY, LISTING, LISTED_AT)} if len(page) == limit else None
        return Page([record for record in page if self._counts(record)], last)

    def _apply(self, changes: Sequence[Change]) -> None:
        keys = [change.key for change in changes]
        _valid(0 < len(keys) <= MOST_KEYS and len(set(keys)) == len(keys))
        failed = [place for place, change in enumerate(changes) if not self._holds(change.key, change.condition)]
        if failed:
            raise ConditionFailed(failed)
        self.records.update({change.key: self._changed(change) for change in changes if isinstance(change, Put | Add)})
        for change in changes:
            if isinstance(change, Delete):
                self.records.pop(change.key, None)

    def _changed(self, change: Put | Add) -> Record:
        if isinstance(change, Put):
            return _stored(change)
        old = self.records.get(change.key, {KEY: change.key})
        return {**old, **{name: old.get(name, 0) + amount for name, amount in change.amounts.items()}}

    def _holds(self, key: str, condition: Condition | None) -> bool:
        record = self.records.get(key, {})
        match condition:
            case Absent(now):
                return KEY not in record or record.get(EXPIRY, now + 1) <= now
            case Equal(attribute, value):
                return bool(record.get(attribute) == value)
            case NotEqual(attribute, value):
                return bool(record.get(attribute) != value)
            case AtMost(attribute, limit):
                return bool(record.get(attribute, 0) <= limit)
            case Same(values):
                return all(record.get(name) == value for name, value in values.items())
        return True

    def _is_known(self, changes: Sequence[Change], token: str) -> bool:
        """Whether the token's transaction was applied before."""
        at, applied = self._tokens.get(token, (float("-inf"), ()))
        if self.now() - at > TOKEN_SECONDS:
            return False
        if list(applied) != list(changes):
            raise TableError("IdempotentParameterMismatchException")
        return True

    def _counts(self, record: Record) -> bool:
        return EXPIRY not in record or bool(record[EXPIRY] > self.now())

    def _refuse(self, *, writes: bool = False) -> None:
        if writes and self.is_read_only:
            raise TableError("AccessDeniedException")
        if self.refusals:
            raise TableError(self.refusals.pop(0))

    def _lose(self) -> None:
        if self.lost_answers:
            raise TableError(self.lost_answers.pop(0))


def _stored(put: Put) -> Record:
    """Convert a value as DynamoDB does: enums become strings, and 5.0 becomes 5."""
    text = json.dumps({**put.record, KEY: put.key, EXPIRY: put.expires_at}, allow_nan=False)
    _valid(len(text) <= MOST_ITEM_BYTES)
    record: Record = json.loads(text, parse_float=_number)
    return record


def _number(text: str) -> Any:  # noqa: ANN401 - as the table gives back numbers
    number = float(text)
    return int(number) if number.is_integer() else number


def _place(record: Record) -> tuple[float, str]:
    return record[LISTED_AT], record[KEY]


def _same(record: Record, other: Record) -> bool:
    return _place(record) == _place(other)


def _valid(is_valid: bool) -> None:
    if not is_valid:
        raise TableError("ValidationException")
