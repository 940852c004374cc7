"""A cap on spend that holds: what a generation may cost is held before it is paid, and settled after.

Amounts are whole micro-dollars, in accounts for each UTC month: one for the caller, one for the whole stack.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from aws_lambda_powertools.metrics import MetricUnit

from aws.counters import Account, CapReached, Held, HoldLapsed
from aws.table import TableError
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted, DependencyUnavailable
from imaging.result import MICROS_PER_USD
from observability import logger, metrics

STACK = "stack"


class Counters(Protocol):
    """Raises TableError."""

    def hold(self, account: str, name: str, held: Held, cap: int | None, now: float) -> tuple[Account, bool]: ...
    def settle(self, account: str, name: str, held_micros: int, micros: int, images: int) -> bool: ...
    def account(self, account: str) -> Account: ...


@dataclass
class Bill:
    """What a generation has cost so far, as far as it may have been billed.

    `counts_kept` tells whether images that an earlier attempt left are not counted yet, because it never settled.
    """

    micros: int = 0
    images: int = 0
    counts_kept: bool = False

    def add(self, price_micros: int, images: int) -> None:
        self.micros += price_micros * images
        self.images += images


@dataclass
class Hold:
    """Money held for one generation, in each of the accounts it counts in; new, or inherited from an attempt that did
    not settle and has not lapsed yet."""

    name: str
    amounts: dict[str, int]
    is_inherited: bool = False


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
        """Holds what a generation may cost at most, until its function's time is over. An earlier attempt's hold that
        lapsed counts as spent. Raises BudgetExhausted and DependencyUnavailable; then nothing is held."""
        hold = Hold(name, {})
        held = Held(micros, self.now() + deadline.get_remaining_time_in_millis() / 1000)
        try:
            for account, cap in self._accounts(caller):
                found, hold.is_inherited = self._hold(account, name, held, cap)
                hold.amounts[account] = found.holds[name].micros
                self._count_lapsed(account, found)
        except CapReached:
            self.settle(hold, Bill())
            raise _exhausted() from None
        except TableError as error:
            self.settle(hold, Bill())
            raise DependencyUnavailable(
                "The table did not answer, so nothing was generated or paid. Send the request again.",
                aws_error=error.code,
            ) from error
        return hold

    def settle(self, hold: Hold, bill: Bill) -> None:
        """Counts the bill as spent and lets the rest go. What cannot be settled lapses, and then counts in full."""
        for account, micros in hold.amounts.items():
            try:
                self.counters.settle(account, hold.name, micros, bill.micros, bill.images)
            except TableError as error:
                metrics.add_metric(name="HoldNotSettled", unit=MetricUnit.Count, value=1)
                logger.warning("A hold was not settled", account=account, generation_id=hold.name, aws_error=error.code)

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

    def _hold(self, account: str, name: str, held: Held, cap: int | None) -> tuple[Account, bool]:
        try:
            return self.counters.hold(account, name, held, cap, self.now())
        except HoldLapsed:
            self._count_lapsed(account, self.counters.account(account))
            return self.counters.hold(account, name, held, cap, self.now())

    def _count_lapsed(self, account: str, found: Account) -> None:
        """A function that died with money held may have paid it."""
        for name, held in found.holds.items():
            if self._is_lapsed(held) and self.counters.settle(account, name, held.micros, held.micros, 0):
                metrics.add_metric(name="HoldLapsed", unit=MetricUnit.Count, value=1)
                logger.warning(
                    "A hold lapsed and counts as spent", account=account, generation_id=name, micros=held.micros
                )

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


def _exhausted() -> BudgetExhausted:
    return BudgetExhausted(
        "This request could pass the month's cap on spend, so nothing was generated or paid. Ask for fewer images, "
        "wait for next month, or ask the operator for a higher cap (MonthlyBudgetUsd, MonthlyBudgetPerKeyUsd)."
    )
