"""A cap on spend that holds: nothing passes it, nothing stays reserved, and what may have been billed counts."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

import bootstrap
from aws.bedrock import BedrockError
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted, Misconfigured
from imaging.models.catalog import MODELS
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.lambda_runtime import CALLER
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import (
    LEASE_SECONDS,
    FunctionKilled,
    at_call,
    callers_totals,
    counted_calls,
    die,
    record,
    refuse,
    refused_after,
    sweep,
    totals,
    work,
)

FOX = {"text": "a fox"}
ANOTHER = "fedcba9876543210"
CORE = "stability.stable-image-core-v1:1"
UNLISTED = "stability.sd3-5-large-v1:0"
BLOCKED = {"finish_reasons": ["Filter reason: output image"]}


@pytest.fixture
def bedrock() -> FakeBedrock:
    """Its pictures need no fitting, which takes time."""
    return FakeBedrock(ratio_size=(1024, 1024))


def generate(send: Send, caller: str = CALLER, **body: Any) -> Answer:  # noqa: ANN401 - any field
    return send("POST", "/generate", FOX | body, caller=caller, cache_control="no-cache")


def usage(send: Send, caller: str = CALLER) -> dict[str, Any]:
    answer = send("GET", "/usage", caller=caller)
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def killed(send: Send, bedrock: FakeBedrock, **body: Any) -> None:  # noqa: ANN401 - any field
    """A function dies while the model makes its image."""
    bedrock.meanwhile.append(die)
    with pytest.raises(FunctionKilled):
        generate(send, **body)


@pytest.fixture
def caps() -> dict[str, str]:
    return {"MONTHLY_BUDGET_USD": "0.1"}


@pytest.fixture
def environment(environment: dict[str, str], caps: dict[str, str]) -> dict[str, str]:
    return environment | caps


class TestTheCap:
    def test_above_it_a_request_is_refused_before_anything_is_paid(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        assert generate(send, model="core", number_of_images=2).status == 200

        refused = generate(send, model="core")

        assert (refused.status, refused.json["code"]) == (402, "budget_exhausted")
        assert "retry-after" not in refused.headers
        assert len(bedrock.calls) == 2
        assert totals(table) == (80_000, 0)

    def test_it_can_be_used_up_exactly(self, send: Send, table: FakeTable) -> None:
        assert [generate(send, model="titan").status for _ in range(11)] == [200] * 10 + [402]
        assert totals(table) == (100_000, 0)

    def test_the_highest_price_that_may_be_asked_is_reserved_and_what_was_asked_is_spent(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        assert generate(send, number_of_images=3).status == 402, "three of core would cost 0.12"
        assert bedrock.calls == []
        assert generate(send, number_of_images=2).json["model"] == "amazon.titan-image-generator-v2:0"
        assert totals(table) == (20_000, 0)

    def test_what_is_only_reserved_may_be_free_again_in_a_moment(self, send: Send, bedrock: FakeBedrock) -> None:
        answers: list[Answer] = []
        bedrock.meanwhile.append(lambda: answers.append(generate(send, model="core")))
        assert generate(send, ANOTHER, model="core", number_of_images=2).status == 200
        answers.append(generate(send, model="core"))

        reserved, spent = answers
        assert (reserved.status, reserved.headers["retry-after"]) == (402, "10")
        assert "in a little while" in reserved.json["detail"]
        assert (spent.status, "retry-after" in spent.headers) == (402, False)
        assert "next month" in spent.json["detail"]

    def test_a_request_above_a_whole_months_says_that_no_month_will_help(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        refused = generate(send, model="core", number_of_images=3)
        assert (refused.status, "retry-after" in refused.headers) == (402, False)
        assert "refused in any month" in refused.json["detail"]
        assert (bedrock.calls, table.records) == ([], {})

    def test_a_refusal_costs_a_write_and_a_read_of_the_total_that_has_a_cap(self, send: Send, table: FakeTable) -> None:
        assert generate(send, model="core", number_of_images=2).status == 200
        with counted_calls(table) as calls:
            assert generate(send, model="core").status == 402
        assert calls == ["write", "get"]

    def test_a_replay_passes_it(self, send: Send, table: FakeTable) -> None:
        for _ in range(3):
            assert send("POST", "/generate", FOX | {"model": "core", "number_of_images": 2}).status == 200
        assert totals(table) == (80_000, 0)

    def test_what_was_made_is_spent_although_it_was_lowered_meanwhile(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        bedrock.meanwhile.append(lambda: object.__setattr__(bootstrap.services().ledger, "stack_cap", 1))
        answer = generate(send, model="core")
        assert (answer.status, answer.json["warnings"]) == (200, [])
        assert totals(table) == (40_000, 0)

    def test_a_replay_passes_one_that_was_lowered_below_its_price(self, send: Send) -> None:
        assert send("POST", "/generate", FOX).status == 200
        object.__setattr__(bootstrap.services().ledger, "stack_cap", 1)
        assert send("POST", "/generate", FOX).status == 200
        assert send("POST", "/generate", FOX | {"seed": 1}).status == 402

    @pytest.mark.parametrize("caps", [{"MONTHLY_BUDGET_PER_KEY_USD": "0.02"}])
    def test_each_key_can_have_one_of_its_own(self, send: Send, table: FakeTable) -> None:
        mine = [generate(send, model="titan").status for _ in range(3)]
        theirs = generate(send, ANOTHER, model="titan").status
        assert (mine, theirs) == ([200, 200, 402], 200)
        assert totals(table) == (30_000, 0)

    @pytest.mark.parametrize("caps", [{"MONTHLY_BUDGET_USD": "0.05", "MONTHLY_BUDGET_PER_KEY_USD": "1"}])
    def test_what_the_stack_refuses_is_not_reserved_for_the_key(self, send: Send, table: FakeTable) -> None:
        assert [generate(send, model="core").status for _ in range(2)] == [200, 402]
        assert totals(table) == callers_totals(table) == (40_000, 0)

    @pytest.mark.parametrize("caps", [{}, {"MONTHLY_BUDGET_USD": "0"}, {"MONTHLY_BUDGET_USD": "1e12"}])
    def test_where_it_does_not_bind_spend_is_counted_all_the_same(self, send: Send, caps: dict[str, str]) -> None:
        generate(send, model="ultra", number_of_images=4)
        found = usage(send)
        assert (found["spent_usd"], found["reserved_usd"], found["images"]) == (0.56, 0, 4)
        assert found["cap_usd"] == (float(caps.get("MONTHLY_BUDGET_USD", 0)) or None)

    @pytest.mark.parametrize("name", ["MONTHLY_BUDGET_USD", "MONTHLY_BUDGET_PER_KEY_USD"])
    @pytest.mark.parametrize("cap", ["-1", "-0.01", "nan", "inf", ""])
    def test_an_invalid_amount_is_refused_at_the_start(self, environment: dict[str, str], name: str, cap: str) -> None:
        with pytest.raises(Misconfigured, match=name):
            Settings.from_environment(environment | {name: cap})

    @pytest.mark.usefixtures("services")
    def test_a_hundred_at_once_never_pass_it_and_leave_nothing_reserved(
        self, table: FakeTable, bedrock: FakeBedrock
    ) -> None:
        def attempt(number: int) -> bool:
            request = GenerationRequest(text=f"fox {number}", model="titan")
            try:
                bootstrap.services().generations.run(
                    Submission.by_content(request, f"caller {number % 7}"), Deadline.after(100), 0
                )
            except BudgetExhausted:
                return False
            return True

        with ThreadPoolExecutor(100) as pool:
            paid = sum(pool.map(attempt, range(100)))

        assert paid == len(bedrock.calls) == 10
        assert totals(table) == (100_000, 0)

    def test_a_price_that_is_unknown_refuses_instead_of_counting_nothing(
        self, send: Send, bedrock: FakeBedrock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(MODELS, UNLISTED, replace(MODELS[UNLISTED], prices=()))
        assert generate(send, model=UNLISTED).status == 500
        assert bedrock.calls == []


class TestWhatCounts:
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
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, code: str, micros: int
    ) -> None:
        bedrock.refuse(code)
        assert generate(send, model="core").status >= 400
        assert totals(table) == callers_totals(table) == (micros, 0)

    def test_what_the_filter_withheld_because_its_call_was_answered(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        bedrock.enqueue(BLOCKED)
        assert generate(send, model="core").json["code"] == "content_blocked"
        assert totals(table) == (40_000, 0)

    def test_a_fallback_costs_what_the_model_that_answered_costs(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        bedrock.refuse("ResourceNotFoundException")
        generate(send)
        assert totals(table) == (40_000, 0)

    def test_usage_is_the_callers_own(self, send: Send) -> None:
        generate(send, number_of_images=2)
        found = usage(send)
        assert found.pop("month")
        assert found == {"spent_usd": 0.02, "reserved_usd": 0.0, "cap_usd": 0.1, "images": 2}
        assert usage(send, ANOTHER)["images"] == 0

    def test_while_images_are_made_their_price_is_reserved(self, send: Send, bedrock: FakeBedrock) -> None:
        seen: list[float] = []
        bedrock.meanwhile.append(lambda: seen.append(usage(send)["reserved_usd"]))
        generate(send, model="core")
        assert seen == [0.04]
        assert usage(send)["reserved_usd"] == 0


class TestADeadAttempt:
    """Nobody knows what it paid: all that it had reserved counts as spent."""

    def test_its_reservation_is_spent_once_the_sweeper_finds_it(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock
    ) -> None:
        killed(send, bedrock, model="core")
        assert sweep() == 0, "its lease is not over"
        assert (usage(send)["spent_usd"], usage(send)["reserved_usd"]) == (0.0, 0.04)

        wall.advance(LEASE_SECONDS)
        assert [sweep(), sweep()] == [1, 0]

        assert (usage(send)["spent_usd"], usage(send)["reserved_usd"]) == (0.04, 0.0)
        assert [generate(send, model="core").status for _ in range(2)] == [200, 402]

    def test_its_reservation_is_spent_by_the_next_attempts_begin(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock, table: FakeTable
    ) -> None:
        seen: list[tuple[int, int]] = []

        def retry() -> Answer:
            return send("POST", "/generate", FOX | {"model": "core"}, idempotency_key="k")

        bedrock.meanwhile += [die, lambda: seen.append(totals(table))]
        with pytest.raises(FunctionKilled):
            retry()
        wall.advance(LEASE_SECONDS)
        assert retry().status == 200
        assert seen == [(40_000, 40_000)]
        assert totals(table) == callers_totals(table) == (80_000, 0)

    @pytest.mark.parametrize("write", ["before", "after"])
    def test_is_ended_once_although_the_sweepers_write_failed(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock, table: FakeTable, write: str
    ) -> None:
        killed(send, bedrock, model="core")
        wall.advance(LEASE_SECONDS)
        at: dict[str, Callable[[], object]] = {write: refuse}
        with at_call(0, table, "write", **at):
            sweep()
        sweep()
        assert totals(table) == (40_000, 0)

    def test_differs_from_a_refusal_that_may_pass(self, send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
        killed(send, bedrock, model="core", number_of_images=2)
        assert generate(send, model="core").headers["retry-after"] == "10"
        wall.advance(LEASE_SECONDS)
        sweep()
        assert "retry-after" not in generate(send, model="core").headers

    @pytest.mark.parametrize("caps", [{"MONTHLY_BUDGET_USD": "100"}])
    def test_many_of_them_leave_totals_of_constant_size(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock, table: FakeTable
    ) -> None:
        def total() -> dict[str, Any]:
            (found,) = [dict(one) for key, one in table.records.items() if key.endswith("#stack")]
            return found

        killed(send, bedrock, model="core")
        before = total()
        for _ in range(30):
            killed(send, bedrock, model="core")
        with counted_calls(table) as calls:
            assert generate(send, model="core", number_of_images=1).status == 200
        assert calls == ["write", "write"]
        assert total().keys() == before.keys() == {"id", "committed", "spent", "images"}
        wall.advance(LEASE_SECONDS)
        assert sweep() == 31
        assert totals(table) == (32 * 40_000, 0)


class TestTheMonth:
    @pytest.fixture
    def wall(self) -> FakeClock:
        return FakeClock(datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC).timestamp())

    @pytest.fixture
    def in_a_zone_of_tomorrow(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "UTC-14")
            time.tzset()
            yield
        time.tzset()

    def test_ends_at_midnight_of_utc(self, send: Send, wall: FakeClock) -> None:
        generate(send, model="titan", number_of_images=2)
        wall.advance(9)
        assert (usage(send)["month"], usage(send)["spent_usd"]) == ("2026-11", 0.02)
        wall.advance(1)
        assert (usage(send)["month"], usage(send)["spent_usd"]) == ("2026-12", 0)

    @pytest.mark.usefixtures("services", "in_a_zone_of_tomorrow")
    def test_is_that_of_utc_whatever_the_time_zone_of_the_machine_is(self) -> None:
        assert bootstrap.services().ledger.month() == "2026-11"

    def test_a_reservation_is_settled_in_its_own(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock, table: FakeTable
    ) -> None:
        bedrock.meanwhile.append(lambda: wall.advance(20))
        assert generate(send, model="core").status == 200
        assert totals(table, month="2026-11") == (40_000, 0)
        assert usage(send) == {"month": "2026-12", "spent_usd": 0, "reserved_usd": 0, "cap_usd": 0.1, "images": 0}

    def test_a_crashed_attempts_reservation_too_by_an_attempt_of_the_next(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock, table: FakeTable
    ) -> None:
        job_id = send("POST", "/generate", FOX | {"model": "core"}, prefer="respond-async").json["id"]
        bedrock.meanwhile.append(die)
        with pytest.raises(FunctionKilled):
            work(job_id)
        wall.advance(LEASE_SECONDS)
        assert work(job_id)
        for month in ("2026-11", "2026-12"):
            assert totals(table, month=month) == totals(table, CALLER, month) == (40_000, 0)

    def test_the_next_has_its_whole_cap_although_a_crashed_attempt_is_settled_with_it(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock, table: FakeTable
    ) -> None:
        def retry() -> Answer:
            return send("POST", "/generate", FOX | {"model": "core", "number_of_images": 2}, idempotency_key="k")

        bedrock.meanwhile += [die, die]
        with pytest.raises(FunctionKilled):
            retry()
        wall.advance(LEASE_SECONDS)
        assert retry().status == 200
        assert totals(table, month="2026-11") == totals(table, month="2026-12") == (80_000, 0)


class TestWhenTheTableFails:
    @pytest.mark.parametrize("caps", [{"MONTHLY_BUDGET_USD": "0.1", "MONTHLY_BUDGET_PER_KEY_USD": "0.1"}])
    @pytest.mark.parametrize(("when", "spent"), [("before", 10_000), ("after", 20_000)])
    def test_nothing_stays_reserved_for_what_could_not_begin(
        self, send: Send, table: FakeTable, when: str, spent: int
    ) -> None:
        assert generate(send, model="titan").status == 200
        at: dict[str, Callable[[], object]] = {when: refuse}
        with at_call(0, table, "write", **at):
            assert generate(send, model="titan").status == (503 if when == "before" else 200)
        assert totals(table) == callers_totals(table) == (spent, 0)

    def test_without_it_nothing_is_paid(self, send: Send, bedrock: FakeBedrock, table: FakeTable) -> None:
        table.refusals.append("InternalServerError")
        assert generate(send).json["code"] == "dependency_unavailable"
        assert bedrock.calls == []
        table.refusals.append("InternalServerError")
        assert send("GET", "/usage").json["code"] == "dependency_unavailable"

    def test_what_cannot_be_settled_counts_in_full_once_its_function_is_over(
        self, send: Send, table: FakeTable, wall: FakeClock
    ) -> None:
        with refused_after(1, table, "write"):
            assert generate(send).status == 200
        assert usage(send)["reserved_usd"] == 0.04
        wall.advance(LEASE_SECONDS)
        sweep()
        assert (usage(send)["spent_usd"], usage(send)["reserved_usd"]) == (0.04, 0)


class TestTheCallsOfAGeneration:
    """From a charge to its call: each that may have been billed is in the record."""

    def test_each_has_bedrocks_request_id_its_price_and_its_outcome(self, send: Send, wall: FakeClock) -> None:
        answer = generate(send, model="core", seed=7).json
        (call,) = record(answer["id"]).calls
        assert (call.request_id, call.outcome, call.model, call.seed) == ("request-1", "answered", CORE, 7)
        assert (call.images, call.price_micros, call.at) == (1, 40_000, wall.now)
        assert record(answer["id"]).spent == 40_000

    def test_of_one_call_for_several_images_too(self, send: Send) -> None:
        answer = generate(send, model="titan", number_of_images=4).json
        (call,) = record(answer["id"]).calls
        assert (call.images, call.price_micros, call.micros) == (4, 10_000, 40_000)

    def test_failed_ones_stay_when_the_same_request_succeeds(self, send: Send, bedrock: FakeBedrock) -> None:
        bedrock.enqueue(BedrockError("ModelErrorException", "", "request-0"), BedrockError("ThrottlingException", ""))
        answers = [send("POST", "/generate", FOX | {"model": "core"}) for _ in range(3)]
        assert [answer.status for answer in answers] == [502, 429, 200]
        found = record(answers[-1].json["id"])
        assert [(call.request_id, call.outcome) for call in found.calls] == [
            ("request-0", "ModelErrorException"),
            ("request-3", "answered"),
        ]
        assert found.spent == 80_000 == sum(call.micros for call in found.calls)

    def test_an_unknown_call_of_a_crashed_attempt_has_no_request_id(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock
    ) -> None:
        def retry() -> Answer:
            return send("POST", "/generate", FOX | {"model": "core"}, idempotency_key="k")

        bedrock.meanwhile.append(die)
        with pytest.raises(FunctionKilled):
            retry()
        wall.advance(LEASE_SECONDS)
        found = record(retry().json["id"])
        assert [(call.request_id, call.outcome, call.micros) for call in found.calls] == [
            (None, "unknown", 40_000),
            ("request-2", "answered", 40_000),
        ]
        assert found.spent == 80_000
