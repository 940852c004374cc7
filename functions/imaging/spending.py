"""A cap on spend that holds: what a generation may cost is held before it is paid, and settled after.

Amounts are whole micro-dollars, in accounts for each UTC month: one for the caller, one for the whole stack.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from aws_lambda_powertools.metrics import MetricUnit

from aws.counters import Account, CapReached, Held, HeldByAnother
from aws.table import TableError
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted, DependencyUnavailable
from imaging.result import MICROS_PER_USD
from observability import logger, metrics

STACK = "stack"


class Counters(Protocol):
    """Raises TableError."""

    def hold(self, account: str, name: str, held: Held, cap: int | None) -> Account: ...
    def settle(self, account: str, name: str, held: Held, micros: int, images: int) -> bool: ...
    def account(self, account: str) -> Account: ...


@dataclass
class Bill:
    """What a generation has cost so far, as far as it may have been billed."""

    micros: int = 0
    images: int = 0

    def add(self, price_micros: int, images: int) -> None:
        self.micros += price_micros * images
        self.images += images


@dataclass
class Hold:
    """Money held by one attempt at a generation, in each of the accounts that it counts in."""

    name: str
    held: Held
    accounts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Usage:
    """A caller's month. Micro-dollars; `cap` is None where there is none."""

    month: str
    spent: int
    reserved: int
    cap: int | None
    images: int


@dataclass(frozen=True)
class Spending:
    """The accounts and their caps in micro-dollars; None is no cap."""

    counters: Counters
    stack_cap: int | None
    key_cap: int | None
    now: Callable[[], float] = time.time

    def hold(self, caller: str, name: str, micros: int, deadline: Deadline) -> Hold:
        """Holds what a generation may cost at most, until its function's time is over. What an earlier attempt at it
        never settled counts as spent. Raises BudgetExhausted and DependencyUnavailable; then nothing is held."""
        until = self.now() + deadline.get_remaining_time_in_millis() / 1000
        hold = Hold(name, Held(micros, until, by=str(uuid.uuid4())))
        try:
            for account, cap in self._accounts(caller):
                self._hold(hold, account, cap)
        except TableError as error:
            self.settle(hold, Bill())
            raise DependencyUnavailable(
                "The table did not answer, so nothing was generated or paid. Send the request again.",
                aws_error=error.code,
            ) from error
        except BudgetExhausted:
            self.settle(hold, Bill())
            raise
        return hold

    def settle(self, hold: Hold, bill: Bill) -> None:
        """Counts the bill as spent and lets the rest go. What cannot be settled lapses, and then counts in full."""
        for account in hold.accounts:
            try:
                self.counters.settle(account, hold.name, hold.held, bill.micros, bill.images)
            except TableError as error:
                metrics.add_metric(name="HoldNotSettled", unit=MetricUnit.Count, value=1)
                logger.warning("A hold was not settled", account=account, generation_id=hold.name, aws_error=error.code)

    def settle_in_full(self, hold: Hold) -> None:
        """Counts all that is held as spent, where nobody knows what was billed."""
        self.settle(hold, Bill(hold.held.micros))

    def usage(self, caller: str) -> Usage:
        """Raises DependencyUnavailable."""
        try:
            account = self.counters.account(self._account(caller))
        except TableError as error:
            detail = "The table did not answer. Send the request again."
            raise DependencyUnavailable(detail, aws_error=error.code) from error
        lapsed = sum(held.micros for held in account.holds.values() if self._is_lapsed(held))
        reserved = sum(held.micros for held in account.holds.values()) - lapsed
        cap = self.stack_cap if self.key_cap is None else self.key_cap
        return Usage(self._month(), account.spent + lapsed, reserved, cap, account.images)

    def _hold(self, hold: Hold, account: str, cap: int | None) -> None:
        # Noted first: a table that does not answer may have done it all the same.
        hold.accounts.append(account)
        while True:
            try:
                found = self.counters.hold(account, hold.name, hold.held, cap)
            except HeldByAnother as other:
                self._count_as_spent(account, hold.name, other.held)
            except CapReached as reached:
                hold.accounts.pop()
                raise self._exhausted(reached.account, hold.held.micros, cap) from None
            else:
                break
        for name, held in found.holds.items():
            if self._is_lapsed(held):
                self._count_as_spent(account, name, held)

    def _count_as_spent(self, account: str, name: str, held: Held) -> None:
        """A function that died with money held may have paid it."""
        if self.counters.settle(account, name, held, held.micros, 0):
            metrics.add_metric(name="HoldLapsed", unit=MetricUnit.Count, value=1)
            logger.warning(
                "A hold was never settled and counts as spent", account=account, generation_id=name, micros=held.micros
            )

    def _exhausted(self, found: Account, micros: int, cap: int | None) -> BudgetExhausted:
        """It may pass if what stands in the way is held by others, who may pay less in the end."""
        lapsed = sum(held.micros for held in found.holds.values() if self._is_lapsed(held))
        return BudgetExhausted(may_pass=cap is not None and found.spent + lapsed + micros <= cap)

    def _is_lapsed(self, held: Held) -> bool:
        return held.until < self.now()

    def _accounts(self, caller: str) -> Iterator[tuple[str, int | None]]:
        yield self._account(caller), self.key_cap
        yield self._account(STACK), self.stack_cap

    def _account(self, scope: str) -> str:
        return f"spend#{self._month()}#{scope}"

    def _month(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m")


def micros(usd: float) -> int:
    return round(usd * MICROS_PER_USD)
