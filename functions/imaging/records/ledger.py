"""The month's totals: the highest price is reserved before model calls, and settled afterwards.

Amounts are whole micro-dollars. Each UTC month has one item for each caller and one for the whole stack, of constant
size: `spend#<month>#<caller or "stack">` with `spent`, `committed` (spent and reserved together, because DynamoDB adds
in updates and not in conditions) and `images`. They change only in the transaction that writes a generation's record,
by the difference between the record's amounts before and after.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from aws.table import Add, AtMost, Record
from imaging import ports
from imaging.errors import BudgetExhausted, table_needed
from imaging.records import keys
from imaging.records.keys import Keys
from imaging.records.record import GenerationRecord, ModelCall
from observability import metrics

STACK = "stack"

MOST_CALLS = 100
"""How many model calls a record keeps, so that its size does not grow with each attempt."""


@dataclass(frozen=True)
class Usage:
    """A caller's month, in micro-dollars. `name` is the operator's name for the key, if it has one; `cap` is None if
    there is no cap."""

    name: str | None
    month: str
    spent: int
    reserved: int
    cap: int | None
    images: int


@dataclass(frozen=True)
class Ledger:
    """The totals, with their caps in micro-dollars; None is no cap. `key_cap` is of keys whose entry has none."""

    table: ports.Table
    keys: Keys
    stack_cap: int | None
    key_cap: int | None
    now: Callable[[], float] = time.time

    def month(self) -> str:
        """The current UTC month, as 2026-11."""
        return self._today().strftime("%Y-%m")

    def changes(self, before: GenerationRecord, after: GenerationRecord) -> list[Add]:
        """What a change of a record adds to the totals of the caller and the stack. Only a reservation is conditional
        on the caps; what was spent is added in any case."""
        return [
            Add(_key(month, scope), amounts, _room(cap, amounts) if month == after.month and after.reserved else None)
            for month, amounts in _differences(before, after).items()
            for scope, cap in self._caps(after.owner).items()
        ]

    def exhausted(self, before: GenerationRecord, after: GenerationRecord) -> BudgetExhausted:
        """Why a reservation was refused. It may pass if only other reservations exceed the cap; that of a crashed
        attempt counts as spent. Raises DependencyUnavailable."""
        lost = after.spent - before.spent if before.month == after.month else 0
        caps = [(scope, cap) for scope, cap in self._caps(after.owner).items() if cap is not None]
        room = min(cap - self._read(after.month, scope).get("spent", 0) for scope, cap in caps) - lost
        exceeds_cap = after.reserved > min(cap for _, cap in caps)
        error = BudgetExhausted.by_cap(may_pass=after.reserved <= room, exceeds_cap=exceeds_cap)
        if not error.may_pass:
            metrics.add_metric(name="BudgetRefused", unit=MetricUnit.Count, value=1)
        return error

    def usage(self, caller: str, month: str | None = None) -> Usage:
        """What the caller has spent and reserved in a month, such as 2026-11; in the current one by default. Raises
        Misconfigured if the key's entry is malformed, DependencyUnavailable."""
        month = month or self.month()
        with table_needed():
            found = self.table.get_many([_key(month, caller), keys.key(caller)])
        total, entry = found.get(_key(month, caller), {}), keys.parsed(caller, found.get(keys.key(caller), {}))
        spent, committed = total.get("spent", 0), total.get("committed", 0)
        own_cap = entry.budget(self.key_cap)
        cap = self.stack_cap if own_cap is None else own_cap
        return Usage(entry.name, month, spent, committed - spent, cap, total.get("images", 0))

    def stack_used(self) -> float | None:
        """The percentage of the stack's cap that is spent or reserved this month; None without a cap. Raises
        DependencyUnavailable."""
        if self.stack_cap is None:
            return None
        return 100 * int(self._read(self.month(), STACK).get("committed", 0)) / self.stack_cap

    def images_by_month(self) -> Mapping[str, int]:
        """How many images the stack was billed for, this month and the last. Raises DependencyUnavailable."""
        last = self._today().replace(day=1) - timedelta(days=1)
        months = (self.month(), last.strftime("%Y-%m"))
        return {month: self._read(month, STACK).get("images", 0) for month in months}

    def _today(self) -> date:
        return datetime.fromtimestamp(self.now(), UTC).date()

    def _read(self, month: str, scope: str) -> Record:
        with table_needed():
            return self.table.get(_key(month, scope)) or {}

    def _caps(self, caller: str) -> Mapping[str, int | None]:
        return {caller: self.keys.known(caller).budget(self.key_cap), STACK: self.stack_cap}


def settlement(record: GenerationRecord, calls: Sequence[ModelCall], *, in_full: bool = False) -> dict[str, Any]:
    """The changes by which an attempt ends: its reservation is released, and what its calls may have cost is spent.
    If it is unknown what was billed, all that was reserved is spent, `in_full`."""
    if in_full:
        rest = record.reserved - sum(call.micros for call in calls)
        calls = [*calls, ModelCall(at=record.lease_until, model="", images=1, price_micros=rest, outcome="unknown")]
    return {
        "reserved": 0,
        "spent": record.spent + sum(call.micros for call in calls),
        "images_billed": record.images_billed + sum(call.images for call in calls if call.model),
        "calls": [*record.calls, *calls][-MOST_CALLS:],
        "has_lost_attempt": record.has_lost_attempt or in_full,
        "possibly_rebilled": record.possibly_rebilled or (record.has_lost_attempt and bool(calls)),
    }


def _differences(before: GenerationRecord, after: GenerationRecord) -> Mapping[str, Counter[str]]:
    """The differences by month. A transaction may change an item only once, and an attempt is settled in the month in
    which it began."""
    spent, images = after.spent - before.spent, after.images_billed - before.images_billed
    months: dict[str, Counter[str]] = {before.month: Counter(), after.month: Counter()}
    months[before.month].update(committed=spent - before.reserved, spent=spent, images=images)
    months[after.month].update(committed=after.reserved, spent=0, images=0)
    return {month: amounts for month, amounts in months.items() if any(amounts.values())}


def _room(cap: int | None, amounts: Mapping[str, int]) -> AtMost | None:
    return None if cap is None else AtMost("committed", cap - amounts["committed"])


def _key(month: str, scope: str) -> str:
    return f"spend#{month}#{scope}"
