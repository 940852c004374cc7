"""The cap on spend, against a table that really checks a condition and changes an item in one step."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import httpx
import pytest

from aws import clients
from aws.counters import Counters
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted
from imaging.spending import Bill, Spending
from tests.e2e.laptop import Stack

CAP = 1_000_000
PRICE = 40_000
CALLERS = 100


@pytest.fixture
def spending(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spending]:
    """A cap of a dollar on the stack's own table, in a month that nobody else uses."""
    session = boto3.Session(
        aws_access_key_id=stack.description["aws_access_key_id"],
        aws_secret_access_key=stack.description["aws_secret_access_key"],
        region_name=stack.description["region"],
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.description["aws_endpoint_url"])
    clients.dynamodb.cache_clear()
    monkeypatch.setattr(clients, "session", lambda: session)
    yield Spending(Counters(stack.description["table"]), stack_cap=CAP, key_cap=None, now=lambda: 4_000_000_000)
    clients.dynamodb.cache_clear()


def test_a_hundred_at_once_never_pass_the_cap_by_a_micro_dollar_and_leave_nothing_held(spending: Spending) -> None:
    def generation(number: int) -> int:
        """Holds four images' price and pays for as many as were made: none, some or all."""
        try:
            hold = spending.hold(f"caller {number % 7}", f"generation {number}", 4 * PRICE, Deadline.after(100))
        except BudgetExhausted:
            return 0
        bill = Bill()
        bill.add(PRICE, number % 5)
        spending.settle(hold, bill)
        spending.settle(hold, bill)
        return bill.micros

    with ThreadPoolExecutor(CALLERS) as pool:
        paid = sum(pool.map(generation, range(CALLERS)))

    account = spending.counters.account("spend#2096-10#stack")
    assert account.holds == {}
    assert account.spent == paid <= CAP
    assert sum(spending.usage(f"caller {number}").spent for number in range(7)) == paid

    one_by_one = sum(spending_one(spending, number) for number in range(CALLERS))
    assert CAP - PRICE < paid + one_by_one <= CAP


def spending_one(spending: Spending, number: int) -> int:
    """Pays for one image, if it still fits."""
    try:
        hold = spending.hold("caller", f"afterwards {number}", PRICE, Deadline.after(100))
    except BudgetExhausted:
        return 0
    spending.settle(hold, Bill(PRICE, 1))
    return PRICE


def test_usage_is_told_over_http(stack: Stack) -> None:
    answer = httpx.get(f"{stack.description['api_url']}/usage", headers={"x-api-key": stack.description["api_key"]})
    assert answer.status_code == 200
    assert set(answer.json()) == {"month", "spent_usd", "reserved_usd", "cap_usd", "images"}
    assert answer.json()["cap_usd"] is None
