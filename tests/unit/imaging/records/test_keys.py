"""What an operator has set for single keys: it counts at once, and what cannot be read opens nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from aws.table import TableError
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.lambda_runtime import CALLER
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import at_call, callers_totals, counted_calls, record, totals, work

ANOTHER = "fedcba9876543210"
ASYNC = {"prefer": "respond-async"}
FRESH = {"cache_control": "no-cache"}
WARM = ["write", "write"]
"""The table's calls of a synchronous request."""


@pytest.fixture
def bedrock() -> FakeBedrock:
    """Its pictures need no fitting, which takes time."""
    return FakeBedrock(ratio_size=(1024, 1024))


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"MONTHLY_BUDGET_PER_KEY_USD": "0.1", "OPEN_JOBS_PER_KEY": "1"}


Enter = Callable[..., None]


@pytest.fixture
def enter(table: FakeTable) -> Enter:
    """Writes an entry, as an operator does."""

    def enter(caller: str = CALLER, **entry: Any) -> None:  # noqa: ANN401 - also what is malformed
        table.records[f"key#{caller}"] = {"id": f"key#{caller}", **entry}

    return enter


def generate(send: Send, caller: str = CALLER, images: int = 1) -> Answer:
    body = {"text": "a fox", "model": "core", "number_of_images": images}
    return send("POST", "/generate", body, caller=caller, **FRESH)


def start(send: Send, seed: int, caller: str = CALLER) -> Answer:
    return send("POST", "/generate", {"text": "a fox", "model": "core", "seed": seed}, caller=caller, **ASYNC)


class TestTheBudget:
    def test_of_one_key_is_its_own_and_the_others_have_the_parameters(self, send: Send, enter: Enter) -> None:
        enter(budget_usd=0.2)
        assert [generate(send).status for _ in range(6)] == [200] * 5 + [402]
        assert [generate(send, ANOTHER).status for _ in range(3)] == [200, 200, 402]

    @pytest.mark.parametrize("budget", [0.05, "0.05"])
    def test_can_be_lower_than_the_parameters(self, send: Send, enter: Enter, budget: object) -> None:
        enter(budget_usd=budget)
        assert [generate(send).status for _ in range(2)] == [200, 402]

    def test_of_nothing_refuses_everything(self, send: Send, enter: Enter, bedrock: FakeBedrock) -> None:
        enter(budget_usd=0)
        refused = generate(send)
        assert (refused.status, refused.json["code"], bedrock.calls) == (402, "budget_exhausted", [])
        assert "this key's own" in refused.json["detail"]

    def test_of_none_is_bound_by_the_stacks_alone(self, send: Send, enter: Enter, table: FakeTable) -> None:
        enter(budget_usd="none")
        assert generate(send, images=4).status == 200
        assert callers_totals(table) == (160_000, 0)

    def test_counts_at_once_when_it_is_lowered_or_raised_or_dropped(
        self, send: Send, enter: Enter, table: FakeTable
    ) -> None:
        assert generate(send).status == 200
        enter(budget_usd=0.04)
        assert generate(send).status == 402
        enter(budget_usd=0.08)
        assert [generate(send).status for _ in range(2)] == [200, 402]
        del table.records[f"key#{CALLER}"]
        enter(ANOTHER, budget_usd=0)
        assert [generate(send).status for _ in range(2)] == [402, 402], "the parameter's is used up too"
        assert callers_totals(table) == totals(table) == (80_000, 0)

    def test_counts_for_a_job_when_it_begins(self, send: Send, enter: Enter, queue: FakeQueue) -> None:
        assert start(send, 1).status == 202
        enter(budget_usd=0)
        assert work(queue.sent[0])
        assert record(queue.sent[0]).failure.code == "budget_exhausted"  # type: ignore[union-attr] # asserted

    def test_lets_a_running_generation_end(
        self, send: Send, enter: Enter, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        bedrock.meanwhile.append(lambda: enter(budget_usd=0))
        assert generate(send).status == 200
        assert callers_totals(table) == (40_000, 0)

    def test_is_what_usage_shows_with_the_keys_name(self, send: Send, enter: Enter) -> None:
        assert "name" not in send("GET", "/usage").json
        enter(name="web shop", budget_usd=0.25)
        shown = send("GET", "/usage").json
        assert (shown["name"], shown["cap_usd"]) == ("web shop", 0.25)
        assert send("GET", "/usage", caller=ANOTHER).json["cap_usd"] == 0.1


class TestTheOpenJobs:
    def test_of_one_key_are_its_own(self, send: Send, enter: Enter) -> None:
        enter(open_jobs=2)
        mine = [start(send, seed).status for seed in (1, 2, 3)]
        theirs = [start(send, seed, ANOTHER).status for seed in (1, 2)]
        assert (mine, theirs) == ([202, 202, 429], [202, 429])
        assert "has 2 unfinished jobs" in start(send, 4).json["detail"]

    def test_can_be_without_a_cap_or_forbidden(self, send: Send, enter: Enter) -> None:
        enter(open_jobs="none")
        assert [start(send, seed).status for seed in (1, 2, 3)] == [202] * 3
        enter(open_jobs=0)
        assert start(send, 4).status == 429
        assert generate(send).status == 200


class TestAnEntry:
    def test_costs_no_call_more_once_it_was_read(self, send: Send, enter: Enter, table: FakeTable) -> None:
        enter(budget_usd=10)
        with counted_calls(table) as first:
            assert generate(send).status == 200
        with counted_calls(table) as second:
            assert generate(send).status == 200
        with counted_calls(table) as without:
            assert generate(send, ANOTHER).status == 200
        assert (first, second, without) == (["write", "get", *WARM], WARM, WARM)

    @pytest.mark.parametrize(
        "entry",
        [
            {"budget_usd": "much"},
            {"budget_usd": -1},
            {"budget_usd": "NaN"},
            {"budget_usd": "Infinity"},
            {"budget_usd": 0.000_000_1},
            {"budget_usd": [1]},
            {"open_jobs": -1},
            {"open_jobs": 1.5},
            {"name": 7, "budget_usd": 100},
        ],
        ids=repr,
    )
    def test_that_is_malformed_refuses_until_it_is_mended(
        self, send: Send, enter: Enter, bedrock: FakeBedrock, table: FakeTable, entry: dict[str, Any]
    ) -> None:
        wrong = next(iter(entry))
        enter(**{"budget_usd": 100, "open_jobs": 100} | entry)
        for answer in (generate(send), start(send, 1), send("GET", "/usage")):
            assert (answer.status, answer.json["code"]) == (500, "misconfigured")
            assert f"key#{CALLER} is malformed ({wrong})" in answer.json["detail"]
        assert (bedrock.calls, list(table.records)) == ([], [f"key#{CALLER}"])
        assert generate(send, ANOTHER).status == 200
        enter(budget_usd=0.04)
        assert [generate(send).status for _ in range(2)] == [200, 402]

    def test_that_is_malformed_lets_a_job_wait(self, send: Send, enter: Enter, queue: FakeQueue) -> None:
        start(send, 1)
        enter(budget_usd="much")
        assert not work(queue.sent[0])
        assert record(queue.sent[0]).status == "queued"
        enter()
        assert work(queue.sent[0])
        assert record(queue.sent[0]).status == "succeeded"

    def test_that_cannot_be_read_opens_nothing(
        self, send: Send, enter: Enter, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        def out() -> None:
            raise TableError("InternalServerError")

        enter(budget_usd=100)
        with at_call(0, table, "get", before=out):
            assert generate(send).json["code"] == "dependency_unavailable"
        assert bedrock.calls == []

    def test_that_never_stays_the_same_refuses(
        self, send: Send, enter: Enter, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        """DynamoDB still has what has expired."""
        enter(budget_usd=100, expiration=1)
        assert generate(send).json["code"] == "dependency_unavailable"
        assert (bedrock.calls, list(table.records)) == ([], [f"key#{CALLER}"])
