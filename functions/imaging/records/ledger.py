"""The month's totals: what a generation may cost is reserved before it is paid, and settled after.

Amounts are whole micro-dollars. Each UTC month has one item for each caller and one for the whole stack, of constant
size: `spend#<month>#<caller or "stack">` with `spent`, `committed` (spent and reserved together, because DynamoDB adds
in updates and not in conditions) and `images`. They change only in the transaction that writes a generation's record.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from aws.table import Add, AtMost, Record, TableError
from imaging.errors import BudgetExhausted, table_down

STACK = "stack"


class Totals(Protocol):
    """Raises TableError."""

    def get(self, key: str) -> Record | None: ...


@dataclass(frozen=True)
class Posting:
    """What one event adds to a month's totals. Only what `is_capped` can be refused; what was spent is a fact."""

    month: str
    reserved: int = 0
    spent: int = 0
    images: int = 0
    is_capped: bool = False

    @classmethod
    def reservation(cls, month: str, micros: int) -> "Posting":
        return cls(month, reserved=micros, is_capped=True)

    @classmethod
    def settlement(cls, month: str, reserved: int, spent: int, images: int) -> "Posting":
        """The reservation ends, and what may have been billed of it is spent."""
        return cls(month, -reserved, spent, images)

    def __add__(self, other: "Posting") -> "Posting":
        return Posting(
            self.month,
            self.reserved + other.reserved,
            self.spent + other.spent,
            self.images + other.images,
            self.is_capped or other.is_capped,
        )


@dataclass(frozen=True)
class Usage:
    """A caller's month. Micro-dollars; `cap` is None where there is none."""

    month: str
    spent: int
    reserved: int
    cap: int | None
    images: int


@dataclass(frozen=True)
class Ledger:
    """The totals and their caps in micro-dollars; None is no cap."""

    totals: Totals
    stack_cap: int | None
    key_cap: int | None
    now: Callable[[], float] = time.time

    def month(self) -> str:
        """The current UTC month, as 2026-11."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m")

    def changes(self, caller: str, postings: Collection[Posting]) -> list[Add]:
        """What a transaction adds to the caller's and the stack's totals, under their caps where it reserves more."""
        return [_change(scope, posting, cap) for posting in _by_month(postings) for scope, cap in self._scopes(caller)]

    def exceeds(self, micros: int) -> bool:
        """Whether a reservation is larger than a whole month's cap."""
        return any(cap is not None and micros > cap for cap in (self.stack_cap, self.key_cap))

    def exhausted(self, caller: str, reserved: int, lost: int) -> BudgetExhausted:
        """Why a reservation was refused: it may pass if only others' reservations stand in its way. What a dead attempt
        `lost` is about to be spent. Raises DependencyUnavailable."""
        spent = [(self._read(scope).get("spent", 0) + lost, cap) for scope, cap in self._scopes(caller)]
        may_pass = all(cap is None or spent + reserved <= cap for spent, cap in spent)
        return BudgetExhausted.by_cap(may_pass=may_pass, exceeds_cap=self.exceeds(reserved))

    def usage(self, caller: str) -> Usage:
        """Raises DependencyUnavailable."""
        total = self._read(caller)
        spent, committed = total.get("spent", 0), total.get("committed", 0)
        cap = self.stack_cap if self.key_cap is None else self.key_cap
        return Usage(self.month(), spent, committed - spent, cap, total.get("images", 0))

    def _read(self, scope: str) -> Record:
        try:
            return self.totals.get(_key(self.month(), scope)) or {}
        except TableError as error:
            raise table_down(error) from error

    def _scopes(self, caller: str) -> Iterator[tuple[str, int | None]]:
        yield caller, self.key_cap
        yield STACK, self.stack_cap


def _by_month(postings: Collection[Posting]) -> Sequence[Posting]:
    """A transaction may change an item once only."""
    months: dict[str, Posting] = {}
    for posting in postings:
        months[posting.month] = months[posting.month] + posting if posting.month in months else posting
    return list(months.values())


def _change(scope: str, posting: Posting, cap: int | None) -> Add:
    committed = posting.reserved + posting.spent
    condition = AtMost("committed", cap - committed) if cap is not None and posting.is_capped else None
    amounts = {"committed": committed, "spent": posting.spent, "images": posting.images}
    return Add(_key(posting.month, scope), amounts, condition)


def _key(month: str, scope: str) -> str:
    return f"spend#{month}#{scope}"
