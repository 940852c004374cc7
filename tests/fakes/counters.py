"""Accounts in memory."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from threading import Lock

from aws.counters import Account, CapReached, Held, HeldByAnother
from aws.table import TableError


@dataclass
class FakeCounters:
    """`refusals` names the operations that fail from now on: hold, settle, account."""

    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    refusals: set[str] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    def hold(self, account: str, name: str, held: Held, cap: int | None) -> Account:
        self._refuse("hold")
        with self.lock:
            found = self.accounts[account]
            there = found.holds.get(name)
            if there is not None and there.by != held.by:
                raise HeldByAnother(there)
            committed = found.spent + sum(each.micros for each in found.holds.values())
            if there is None and cap is not None and committed + held.micros > cap:
                raise CapReached(found)
            self.accounts[account] = replace(found, holds={**found.holds, name: there or held})
            return self.accounts[account]

    def settle(self, account: str, name: str, held: Held, micros: int, images: int) -> bool:
        self._refuse("settle")
        with self.lock:
            found = self.accounts[account]
            if name not in found.holds or found.holds[name].by != held.by:
                return False
            holds = {other: each for other, each in found.holds.items() if other != name}
            self.accounts[account] = Account(found.spent + micros, found.images + images, holds)
            return True

    def account(self, account: str) -> Account:
        self._refuse("account")
        return self.accounts[account]

    def _refuse(self, operation: str) -> None:
        if operation in self.refusals:
            raise TableError("InternalServerError")
