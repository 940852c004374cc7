"""A cap on spend that holds: nothing passes it, nothing is left behind, and what may have been billed counts."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import bootstrap
from aws.bedrock import BedrockError
from aws.table import TableError
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted
from imaging.generate import Generator
from imaging.models.catalog import MODELS
from imaging.order import Order
from imaging.request import GenerationRequest
from imaging.spending import Bill
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.counters import FakeCounters
from tests.unit.conftest import Answer, Send

FOX = {"text": "a fox"}
ANOTHER = "fedcba9876543210"
STACK = "stack"


def generate(send: Send, caller: str = "0123456789abcdef", **body: Any) -> Answer:  # noqa: ANN401 - any field
    return send("POST", "/generate", FOX | body, caller=caller, cache_control="no-cache")


def usage(send: Send, caller: str = "0123456789abcdef") -> dict[str, Any]:
    answer = send("GET", "/usage", caller=caller)
    assert answer.status == 200
    told: dict[str, Any] = answer.json
    return told


def spent(counters: FakeCounters, scope: str = STACK) -> tuple[int, int]:
    """Micro-dollars spent and held by a scope."""
    (account,) = [account for name, account in counters.accounts.items() if name.endswith(f"#{scope}")]
    return account.spent, sum(held.micros for held in account.holds.values())


@pytest.fixture
def caps() -> dict[str, str]:
    return {"MONTHLY_BUDGET_USD": "0.1"}


@pytest.fixture
def environment(environment: dict[str, str], caps: dict[str, str]) -> dict[str, str]:
    return environment | caps


def test_above_the_cap_a_request_is_refused_before_anything_is_paid(
    send: Send, bedrock: FakeBedrock, counters: FakeCounters
) -> None:
    assert generate(send, model="core", number_of_images=2).status == 200

    refused = generate(send, model="core")

    assert (refused.status, refused.json["code"]) == (402, "budget_exhausted")
    assert "retry-after" not in refused.headers
    assert len(bedrock.calls) == 2
    assert spent(counters) == (80_000, 0)


def test_up_to_the_cap_exactly_is_allowed(send: Send, counters: FakeCounters) -> None:
    assert [generate(send, model="titan").status for _ in range(11)] == [200] * 10 + [402]
    assert spent(counters) == (100_000, 0)


def test_what_is_held_is_the_dearest_that_may_answer_and_what_is_spent_is_what_did(
    send: Send, bedrock: FakeBedrock, counters: FakeCounters
) -> None:
    assert generate(send, number_of_images=3).status == 402, "three of core would cost 0.12"
    assert bedrock.calls == []
    assert generate(send, number_of_images=2).json["model"] == "amazon.titan-image-generator-v2:0"
    assert spent(counters) == (20_000, 0)


def test_a_cap_that_is_only_held_may_have_room_in_a_moment(send: Send) -> None:
    hold = bootstrap.spending().hold(ANOTHER, "somebody's", 70_000, Deadline.after(100))
    held = generate(send, model="core")
    bootstrap.spending().settle(hold, Bill(70_000, 1))
    spent_now = generate(send, model="core")

    assert (held.status, held.headers["retry-after"]) == (402, "10")
    assert "in a little while" in held.json["detail"]
    assert (spent_now.status, "retry-after" in spent_now.headers) == (402, False)
    assert "next month" in spent_now.json["detail"]


@pytest.mark.parametrize("caps", [{"MONTHLY_BUDGET_USD": "0.1", "MONTHLY_BUDGET_PER_KEY_USD": "0.1"}])
def test_a_table_that_fails_half_way_leaves_nothing_held(
    send: Send, counters: FakeCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = counters.hold

    def fail_on_the_second(account: str, *rest: Any) -> Any:  # noqa: ANN401 - as the fake
        done = hold(account, *rest)
        if account.endswith(STACK):
            raise TableError("InternalServerError")  # it was done all the same
        return done

    monkeypatch.setattr(counters, "hold", fail_on_the_second)
    assert generate(send).json["code"] == "dependency_unavailable"
    assert spent(counters) == spent(counters, "0123456789abcdef") == (0, 0)


def test_a_replay_costs_nothing(send: Send, counters: FakeCounters) -> None:
    for _ in range(5):
        assert send("POST", "/generate", FOX).status == 200
    assert spent(counters) == (10_000, 0)


@pytest.mark.parametrize(
    ("code", "micros"),
    [
        ("ThrottlingException", 0),
        ("AccessDeniedException", 0),
        ("ValidationException", 0),
        ("ServiceQuotaExceededException", 0),
        (BedrockError.UNREACHABLE, 0),
        (BedrockError.READ_TIMEOUT, 40_000),
        (BedrockError.CONNECTION_LOST, 40_000),
        ("ModelErrorException", 40_000),
        ("InternalServerException", 40_000),
        ("SomethingNewException", 40_000),
    ],
)
def test_only_what_certainly_was_not_billed_is_released(
    send: Send, bedrock: FakeBedrock, counters: FakeCounters, code: str, micros: int
) -> None:
    bedrock.refuse(code)
    assert generate(send, model="core").status >= 400
    assert spent(counters) == (micros, 0)


def test_what_the_filter_withheld_counts_because_its_call_was_answered(
    send: Send, bedrock: FakeBedrock, counters: FakeCounters
) -> None:
    bedrock.enqueue({"finish_reasons": ["Filter reason: output image"]})
    assert generate(send, model="core").json["code"] == "content_blocked"
    assert spent(counters) == (40_000, 0)


def test_a_model_that_was_passed_over_costs_nothing(send: Send, bedrock: FakeBedrock, counters: FakeCounters) -> None:
    bedrock.refuse("ResourceNotFoundException")
    generate(send)
    assert spent(counters) == (40_000, 0)


def test_usage_is_the_callers_own(send: Send) -> None:
    generate(send, number_of_images=2)
    told = usage(send)
    assert told.pop("month")
    assert told == {"spent_usd": 0.02, "reserved_usd": 0.0, "cap_usd": 0.1, "images": 2}
    assert usage(send, ANOTHER)["images"] == 0


def test_while_images_are_made_their_price_is_reserved(send: Send, generator: Generator, bedrock: FakeBedrock) -> None:
    seen = []

    def look(*arguments: Any) -> Any:  # noqa: ANN401 - as the fake
        seen.append(usage(send)["reserved_usd"])
        return bedrock(*arguments)

    object.__setattr__(generator, "invoke", look)
    generate(send, model="core")
    assert seen == [0.04]
    assert usage(send)["reserved_usd"] == 0


class FunctionKilled(BaseException):
    """What no handler catches."""


def test_a_function_that_died_with_money_held_may_have_paid_it(
    send: Send, generator: Generator, bedrock: FakeBedrock, wall: FakeClock, counters: FakeCounters
) -> None:
    def die(*_: object) -> Any:  # noqa: ANN401 - as the fake
        raise FunctionKilled

    object.__setattr__(generator, "invoke", die)
    with pytest.raises(FunctionKilled):
        generate(send, model="core")
    assert usage(send)["reserved_usd"] == 0.04

    wall.now += 130
    assert (usage(send)["spent_usd"], usage(send)["reserved_usd"]) == (0.04, 0.0)
    object.__setattr__(generator, "invoke", bedrock)
    assert generate(send, model="core").status == 200
    assert spent(counters) == (80_000, 0)
    assert generate(send, model="core").status == 402


@pytest.mark.parametrize("caps", [{"MONTHLY_BUDGET_PER_KEY_USD": "0.02"}])
def test_each_key_has_a_cap_of_its_own(send: Send, counters: FakeCounters) -> None:
    mine = [generate(send, model="titan").status for _ in range(3)]
    theirs = generate(send, caller=ANOTHER, model="titan").status
    assert (mine, theirs) == ([200, 200, 402], 200)
    assert spent(counters) == (30_000, 0)


@pytest.mark.parametrize("caps", [{"MONTHLY_BUDGET_USD": "0.01", "MONTHLY_BUDGET_PER_KEY_USD": "1"}])
def test_what_the_stack_refuses_is_not_held_for_the_key(send: Send, counters: FakeCounters) -> None:
    assert generate(send, model="core").status == 402
    assert spent(counters, "0123456789abcdef") == (0, 0)


@pytest.mark.parametrize("caps", [{}])
def test_without_a_cap_spend_is_counted_all_the_same(send: Send) -> None:
    generate(send, model="ultra", number_of_images=4)
    assert usage(send) | {"month": ""} == {
        "month": "",
        "spent_usd": 0.56,
        "reserved_usd": 0.0,
        "cap_usd": None,
        "images": 4,
    }


def test_a_new_month_starts_at_nothing(send: Send, wall: FakeClock) -> None:
    generate(send, model="titan", number_of_images=2)
    wall.now += 32 * 24 * 3600
    assert usage(send)["spent_usd"] == 0


def test_without_the_table_nothing_is_paid(send: Send, bedrock: FakeBedrock, counters: FakeCounters) -> None:
    counters.refusals = {"hold"}
    assert generate(send).json["code"] == "dependency_unavailable"
    assert bedrock.calls == []
    counters.refusals = {"account"}
    assert send("GET", "/usage").json["code"] == "dependency_unavailable"


def test_what_cannot_be_settled_is_delivered_and_counts_in_full_once_it_lapses(
    send: Send, counters: FakeCounters, wall: FakeClock
) -> None:
    counters.refusals = {"settle"}
    assert generate(send, number_of_images=1).status == 200
    counters.refusals = set()
    wall.now += 130
    assert usage(send)["spent_usd"] == 0.04


def test_an_unknown_price_refuses_instead_of_counting_nothing(
    send: Send, bedrock: FakeBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace  # noqa: PLC0415

    core = MODELS["stability.stable-image-core-v1:1"]
    monkeypatch.setitem(MODELS, core.id, replace(core, prices=()))
    assert generate(send, model="core").status == 500
    assert bedrock.calls == []


def test_a_hundred_at_once_never_pass_the_cap_and_leave_nothing_behind(
    generator: Generator, counters: FakeCounters, bedrock: FakeBedrock
) -> None:
    assert generator

    def attempt(number: int) -> bool:
        order = Order(GenerationRequest(text=f"fox {number}", model="titan"), f"caller {number % 7}")
        try:
            bootstrap.once().generate(order, Deadline.after(100), 0)
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(100) as pool:
        paid = sum(pool.map(attempt, range(100)))

    assert paid == len(bedrock.calls) == 10
    assert spent(counters) == (100_000, 0)
    assert all(account.holds == {} for account in counters.accounts.values())
