"""The caps on spend, compared with what the model billed: the use case runs in threads against the stack's services."""

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.e2e.laptop import PROJECT, Emulator, Stack, environment_of, eventually

CAP = 1_000_000
PRICE = 40_000
CALLERS = 100
A_MONTH = 31 * 24 * 3600


@dataclass(frozen=True)
class Account:
    """A scope's month, in micro-dollars."""

    spent: int
    reserved: int
    images: int


@dataclass
class Books:
    """The accounts of an unused month, and the buyers in it. `at` is their time."""

    stack: Stack
    environment: dict[str, str]
    at: float
    key_cap: int | None = None

    def buy(self, orders: list[dict[str, Any]], seconds: float = 100) -> Counter[str]:
        buying = self.start(orders, seconds)
        told, complaints = buying.communicate(timeout=300)
        assert buying.returncode == 0, complaints
        return Counter(json.loads(told.splitlines()[-1]))

    def sweep(self) -> None:
        self.buy([])

    def start(self, orders: list[dict[str, Any]], seconds: float) -> subprocess.Popen[str]:
        buying = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.buyers"],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert buying.stdin
        asked = {"cap": CAP, "key_cap": self.key_cap, "at": self.at, "seconds": seconds, "orders": orders}
        buying.stdin.write(json.dumps(asked))
        buying.stdin.close()
        buying.stdin = None
        return buying

    def account(self, scope: str = "stack") -> Account:
        month = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m")
        item = (
            self.stack.client("dynamodb")
            .get_item(TableName=self.stack.description["table"], Key={"id": {"S": f"spend#{month}#{scope}"}})
            .get("Item", {})
        )
        spent, committed, images = (int(item.get(name, {"N": "0"})["N"]) for name in ("spent", "committed", "images"))
        return Account(spent, committed - spent, images)


@pytest.fixture
def books(stack: Stack) -> Books:
    some_month = uuid.uuid4().int % 600
    return Books(stack, environment_of(stack, "ApiFunction"), time.time() + (some_month + 2) * A_MONTH)


def orders(number: int, images: Callable[[int], int] = lambda _: 1) -> list[dict[str, Any]]:
    return [
        {"caller": f"caller {place % 7}", "key": str(uuid.uuid4()), "images": images(place)} for place in range(number)
    ]


def billed(emulator: Emulator) -> int:
    return sum(call["images"] for call in emulator.calls()) * PRICE


def test_a_hundred_concurrent_requests_never_exceed_the_cap_and_leave_nothing_reserved(
    books: Books, emulator: Emulator
) -> None:
    emulator.configure(
        latency_ms=100,
        rng_seed=3,
        faults=[
            {"model": "*", "error": "drop", "rate": 0.1},
            {"model": "*", "error": "not_png", "rate": 0.1},
            {"model": "*", "error": "ModelNotReadyException", "rate": 0.1},
        ],
    )
    outcomes = books.buy(orders(CALLERS, lambda place: place % 4 + 1))

    assert outcomes["budget_exhausted"] > outcomes["made"] > 0
    assert books.account().reserved == 0
    assert books.account().spent == billed(emulator) <= CAP

    emulator.configure()
    assert books.buy(orders(CALLERS))["budget_exhausted"] > 0
    assert books.account().reserved == 0
    assert CAP - PRICE < books.account().spent == billed(emulator) <= CAP
    assert sum(books.account(f"caller {number}").spent for number in range(7)) == books.account().spent


def test_each_key_has_its_own_cap(books: Books, emulator: Emulator) -> None:
    books.key_cap = 2 * PRICE
    assert books.buy(orders(70)) == {"made": 14, "budget_exhausted": 56}
    assert [books.account(f"caller {number}") for number in range(7)] == [Account(2 * PRICE, 0, 2)] * 7
    assert books.account() == Account(14 * PRICE, 0, 14)
    assert billed(emulator) == 14 * PRICE


def test_a_replay_costs_nothing(books: Books, emulator: Emulator) -> None:
    same = orders(3, lambda _: 2) * 4
    assert books.buy(same) == {"made": 12}
    assert books.buy(same) == {"made": 12}
    assert books.account() == Account(6 * PRICE, 0, 6)
    assert billed(emulator) == 6 * PRICE


def test_the_reservation_of_a_killed_function_counts_as_spent_before_a_retry_pays(
    books: Books, emulator: Emulator
) -> None:
    emulator.configure(latency_ms=20_000)
    killed = orders(4, lambda _: 4)
    buying = books.start(killed, seconds=20)
    eventually(lambda: billed(emulator) == 16 * PRICE)
    buying.kill()
    buying.communicate()
    assert books.account().reserved == 16 * PRICE

    emulator.configure()
    books.at += 60
    outcomes = books.buy([*killed, *orders(20)])

    assert set(outcomes) == {"made", "budget_exhausted"}
    books.sweep()
    assert books.account().reserved == 0
    assert CAP - PRICE < books.account().spent == billed(emulator) <= CAP


def test_usage_is_returned_over_http(stack: Stack) -> None:
    answer = httpx.get(f"{stack.description['api_url']}/usage", headers={"x-api-key": stack.description["api_key"]})
    assert answer.status_code == 200
    assert set(answer.json()) == {"month", "spent_usd", "reserved_usd", "cap_usd", "images"}
    assert answer.json()["cap_usd"] is None
