"""Accounts in the table, real and fake: both keep the same promises, to the micro-dollar."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aws.counters import Account, CapReached, Counters, Held, HeldByAnother
from aws.table import TableError
from tests.fakes.counters import FakeCounters
from tests.integration.conftest import TABLE

pytestmark = pytest.mark.usefixtures("aws")

ACCOUNT = "spend#2026-11#me"
both = pytest.mark.parametrize("make", [lambda: Counters(TABLE), FakeCounters], ids=["real", "fake"])


def held(micros: int, by: str = "me", until: float = 9.5) -> Held:
    return Held(micros, until, by)


@both
def test_a_hold_is_settled_to_what_was_spent(make: Callable[[], Any]) -> None:
    counters = make()
    assert counters.hold(ACCOUNT, "a", held(50), cap=100) == Account(0, 0, {"a": held(50)})
    assert counters.settle(ACCOUNT, "a", held(50), 30, 3)
    assert counters.account(ACCOUNT) == Account(30, 3, {})


@both
def test_what_is_held_counts_against_the_cap_until_it_is_settled(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", held(60), cap=100)
    with pytest.raises(CapReached) as reached:
        counters.hold(ACCOUNT, "b", held(41), cap=100)
    assert reached.value.account == Account(0, 0, {"a": held(60)})
    counters.hold(ACCOUNT, "b", held(40), cap=100)
    counters.settle(ACCOUNT, "a", held(60), 10, 1)
    counters.hold(ACCOUNT, "c", held(50), cap=100)
    with pytest.raises(CapReached):
        counters.hold(ACCOUNT, "d", held(1), cap=100)


@both
def test_a_first_hold_may_not_pass_the_cap_either(make: Callable[[], Any]) -> None:
    with pytest.raises(CapReached) as reached:
        make().hold(ACCOUNT, "a", held(101), cap=100)
    assert reached.value.account == Account()


@both
def test_the_same_attempt_holds_no_second_time(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", held(60), cap=100)
    assert counters.hold(ACCOUNT, "a", held(60), cap=100) == Account(0, 0, {"a": held(60)})


@both
def test_another_attempt_settles_first_what_is_held_under_its_name(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", held(60), cap=100)
    with pytest.raises(HeldByAnother) as raised:
        counters.hold(ACCOUNT, "a", held(30, by="another"), cap=100)
    assert raised.value.held == held(60)
    assert not counters.settle(ACCOUNT, "a", held(60, by="another"), 60, 0)
    assert counters.settle(ACCOUNT, "a", raised.value.held, 60, 0)
    assert counters.hold(ACCOUNT, "a", held(30, by="another"), cap=100).spent == 60
    assert not counters.settle(ACCOUNT, "a", held(60), 60, 1), "the first one is too late"
    assert counters.account(ACCOUNT) == Account(60, 0, {"a": held(30, by="another")})


@both
def test_an_attempt_settles_no_second_time(make: Callable[[], Any]) -> None:
    counters = make()
    counters.hold(ACCOUNT, "a", held(60), cap=None)
    assert counters.settle(ACCOUNT, "a", held(60), 60, 1)
    assert not counters.settle(ACCOUNT, "a", held(60), 60, 1)
    assert not counters.settle(ACCOUNT, "b", held(60), 60, 1)
    assert counters.account(ACCOUNT) == Account(60, 1, {})


@both
def test_an_account_that_nobody_used_is_empty(make: Callable[[], Any]) -> None:
    assert make().account("spend#2026-11#nobody") == Account(0, 0, {})


def test_many_at_once_never_pass_the_cap() -> None:
    counters = FakeCounters()  # moto checks a condition and changes the item in two steps

    def one(number: int) -> bool:
        try:
            counters.hold(ACCOUNT, str(number), held(10), cap=100)
        except CapReached:
            return False
        return bool(counters.settle(ACCOUNT, str(number), held(10), 10, 1))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(60))) == 10
    assert counters.account(ACCOUNT) == Account(100, 10, {})


def _refusing() -> FakeCounters:
    return FakeCounters(refusals={"hold", "settle", "account"})


@pytest.mark.parametrize("make", [lambda: Counters("no-such-table"), _refusing], ids=["real", "fake"])
@pytest.mark.parametrize(
    "use",
    [lambda c: c.hold("a", "b", held(1), 5), lambda c: c.settle("a", "b", held(1), 1, 1), lambda c: c.account("a")],
    ids=["hold", "settle", "account"],
)
def test_a_refusal_is_told(make: Callable[[], Any], use: Callable[[Any], None]) -> None:
    with pytest.raises(TableError):
        use(make())
