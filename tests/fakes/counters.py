"""Accounts in memory."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from threading import Lock

from aws.counters import Account, CapReached, Held, HoldLapsed
from aws.table import TableError


@dataclass
class FakeCounters:
    """`refusals` names the operations that fail from now on: hold, settle, account."""

    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    refusals: set[str] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    def hold(self, account: str, name: str, held: Held, cap: int | None, now: float) -> tuple[Account, bool]:
        self._refuse("hold")
        with self.lock:
            found = self.accounts[account]
            there = found.holds.get(name)
            committed = found.spent + sum(each.micros for each in found.holds.values())
            if there is None and cap is not None and committed + held.micros > cap:
                raise CapReached
            if there is not None and there.until < now:
                raise HoldLapsed
            kept = replace(there, until=held.until) if there else held
            self.accounts[account] = replace(found, holds={**found.holds, name: kept})
            return self.accounts[account], there is not None

    def settle(self, account: str, name: str, held_micros: int, micros: int, images: int) -> bool:
        self._refuse("settle")
        with self.lock:
            now = self.accounts[account]
            if name not in now.holds or now.holds[name].micros != held_micros:
                return False
            holds = {other: held for other, held in now.holds.items() if other != name}
            self.accounts[account] = Account(now.spent + micros, now.images + images, holds)
            return True

    def account(self, account: str) -> Account:
        self._refuse("account")
        return self.accounts[account]

    def _refuse(self, operation: str) -> None:
        if operation in self.refusals:
            raise TableError("InternalServerError")
