"""Accounts in the table, real and fake: both keep the same promises, to the micro-dollar."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aws.counters import Account, CapReached, Counters, Held, HoldLapsed
from aws.table import TableError
from tests.fakes.counters import FakeCounters
from tests.integration.conftest import TABLE

pytestmark = pytest.mark.usefixtures("aws")

ACCOUNT = "spend#2026-11#me"
both = pytest.mark.parametrize("make", [lambda: Counters(TABLE), FakeCounters], ids=["real", "fake"])


@both
def test_a_hold_is_settled_to_what_was_spent(make: Callable[[], Any]) -> None:
    counters = make()
    assert counters.hold(ACCOUNT, "a", Held(50, 9), cap=100, now=5) == (Account(0, 0, {"a": Held(50, 9)}), False)
    assert counters.settle(ACCOUNT, "a", 50, 30, 3)
    assert counters.account(ACCOUNT) == Account(30, 3, {})


@both
def test_what_is_held_counts_against_the_cap_until_it_is_settled(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", Held(60, 9), cap=100, now=5)
    with pytest.raises(CapReached):
        counters.hold(ACCOUNT, "b", Held(41, 9), cap=100, now=5)
    counters.hold(ACCOUNT, "b", Held(40, 9), cap=100, now=5)
    counters.settle(ACCOUNT, "a", 60, 10, 1)
    counters.hold(ACCOUNT, "c", Held(50, 9), cap=100, now=5)
    with pytest.raises(CapReached):
        counters.hold(ACCOUNT, "d", Held(1, 9), cap=100, now=5)


@both
def test_a_first_hold_may_not_pass_the_cap_either(make: Callable[[], Any]) -> None:
    with pytest.raises(CapReached):
        make().hold(ACCOUNT, "a", Held(101, 9), cap=100, now=5)


@both
def test_a_repeat_holds_no_second_time_but_longer(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", Held(60, 9), cap=100, now=5)
    assert counters.hold(ACCOUNT, "a", Held(60, 12), cap=100, now=5) == (Account(0, 0, {"a": Held(60, 12)}), True)
    assert counters.hold(ACCOUNT, "a", Held(70, 13), cap=100, now=5) == (Account(0, 0, {"a": Held(60, 13)}), True)


@both
def test_what_lapsed_is_to_be_settled_first(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", Held(60, 9.5), cap=100, now=5)
    assert counters.hold(ACCOUNT, "a", Held(60, 9.75), cap=100, now=9.5)[1]
    with pytest.raises(HoldLapsed):
        counters.hold(ACCOUNT, "a", Held(60, 12), cap=None, now=9.751)
    assert counters.account(ACCOUNT) == Account(0, 0, {"a": Held(60, 9.75)})
    assert counters.settle(ACCOUNT, "a", 60, 60, 0)
    with pytest.raises(CapReached):
        counters.hold(ACCOUNT, "a", Held(60, 12), cap=100, now=9.751)


@both
def test_a_repeat_settles_no_second_time(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", Held(60, 9), cap=None, now=5)
    assert counters.settle(ACCOUNT, "a", 60, 60, 1)
    assert not counters.settle(ACCOUNT, "a", 60, 60, 1)
    assert not counters.settle(ACCOUNT, "b", 60, 60, 1)
    assert counters.account(ACCOUNT) == Account(60, 1, {})


@both
def test_an_account_that_nobody_used_is_empty(make: Callable[[], Any]) -> None:
    assert make().account("spend#2026-11#nobody") == Account(0, 0, {})


def test_many_at_once_never_pass_the_cap() -> None:
    counters = FakeCounters()  # moto checks a condition and changes the item in two steps

    def one(number: int) -> bool:
        try:
            counters.hold(ACCOUNT, str(number), Held(10, 9), cap=100, now=5)
        except CapReached:
            return False
        return bool(counters.settle(ACCOUNT, str(number), 10, 10, 1))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(60))) == 10
    assert counters.account(ACCOUNT) == Account(100, 10, {})


def _refusing() -> FakeCounters:
    return FakeCounters(refusals={"hold", "settle", "account"})


@pytest.mark.parametrize("make", [lambda: Counters("no-such-table"), _refusing], ids=["real", "fake"])
@pytest.mark.parametrize(
    "use",
    [lambda c: c.hold("a", "b", Held(1, 1), 5, 0), lambda c: c.settle("a", "b", 1, 1, 1), lambda c: c.account("a")],
    ids=["hold", "settle", "account"],
)
def test_a_refusal_is_told(make: Callable[[], Any], use: Callable[[Any], None]) -> None:
    with pytest.raises(TableError):
        use(make())
