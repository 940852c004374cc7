"""A client's own retry, known by the count that it sends, belongs to the try that it repeats."""

from collections.abc import Callable

import pytest

from aws.table import ConditionFailed
from imaging.retries import WINDOW_SECONDS
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import LEASE_SECONDS, FunctionKilled, at_call, counted_calls, die, refuse, writes_generation

PATH = "/v1/images/generations"
FOX = {"prompt": "a fox", "seed": 7}
ANOTHER = "fedcba9876543210"
BLOCKED = {"images": [], "error": "All of the generated images have been blocked by our content filters."}


def create(send: Send, retry: int | str | None = None, **how: str) -> Answer:
    headers = {} if retry is None else {"x_stainless_retry_count": str(retry)}
    return send("POST", PATH, FOX, **headers, **how)


def test_each_first_try_is_a_new_generation(send: Send, bedrock: FakeBedrock) -> None:
    one, two = create(send), create(send, 0)
    assert one.json["id"] != two.json["id"]
    assert len(bedrock.calls) == 2


def test_a_retry_brings_the_images_of_its_try(send: Send, bedrock: FakeBedrock) -> None:
    first, second, third = create(send), create(send, 1), create(send, 2)
    assert first.json["data"] == second.json["data"] == third.json["data"]
    assert second.headers["idempotent-replayed"] == "true"
    assert len(bedrock.calls) == 1


def test_of_two_requests_alike_that_are_both_retried_each_gets_its_own_images(send: Send, bedrock: FakeBedrock) -> None:
    tries = [create(send).json["id"] for _ in range(2)]
    for count in (1, 2):
        assert sorted(create(send, count).json["id"] for _ in range(2)) == sorted(tries)
    assert len(bedrock.calls) == 2


def test_a_retry_belongs_to_a_try_that_failed_rather_than_to_one_alike_that_was_answered(
    send: Send, bedrock: FakeBedrock
) -> None:
    answered = create(send).json["id"]
    bedrock.refuse("ModelErrorException")
    assert create(send).status == 502
    assert create(send, 1).json["id"] != answered
    assert len(bedrock.calls) == 3


def test_a_retry_belongs_to_a_try_without_an_answer_rather_than_to_one_alike_that_failed(
    send: Send, bedrock: FakeBedrock, table: FakeTable, bucket: FakeBucket, wall: FakeClock
) -> None:
    bedrock.enqueue(BLOCKED)
    assert create(send).status == 400
    with at_call(1, table, "write", counted=writes_generation, before=die), pytest.raises(FunctionKilled):
        create(send)
    wall.advance(30)
    assert create(send, 1).status == 409
    wall.advance(LEASE_SECONDS)
    assert [image["id"] for image in create(send, 2).json["data"]] == list(bucket.objects)
    assert len(bedrock.calls) == 2


def test_a_second_retry_belongs_to_the_try_that_was_retried_once(send: Send) -> None:
    tries = [create(send).json["id"] for _ in range(2)]
    retried = create(send, 1).json["id"]
    assert retried in tries
    assert [create(send, 2).json["id"], create(send, 3).json["id"]] == [retried, retried]


def test_two_requests_alike_that_begin_at_once_are_two(send: Send, bedrock: FakeBedrock, table: FakeTable) -> None:
    tries: list[str] = []
    with at_call(0, table, "write", before=lambda: tries.append(create(send).json["id"])):
        tries.append(create(send).json["id"])
    assert len(set(tries)) == 2
    assert sorted(create(send, 1).json["id"] for _ in range(2)) == sorted(tries)
    assert len(bedrock.calls) == 2


def test_a_retry_after_a_failure_generates(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ModelErrorException")
    assert create(send).status == 502
    assert create(send, 1).status == 200


def test_a_retry_of_a_failure_that_was_billed_gets_the_same_failure(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.enqueue(BLOCKED)
    answers = [create(send), create(send, 1)]
    assert [(answer.status, answer.json["error"]["code"]) for answer in answers] == [
        (400, "content_policy_violation")
    ] * 2
    assert [answer.headers["x-should-retry"] for answer in answers] == ["false", "false"]
    assert len(bedrock.calls) == 1


def test_a_retry_after_a_crash_resumes_the_generation(
    send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock
) -> None:
    with at_call(1, table, "write", counted=writes_generation, before=die), pytest.raises(FunctionKilled):
        create(send)
    wall.advance(LEASE_SECONDS)
    assert create(send, 1).status == 200
    assert len(bedrock.calls) == 1


def test_a_retry_of_an_unknown_try_is_a_first_try(send: Send, bedrock: FakeBedrock) -> None:
    assert create(send, 1).status == 200
    assert len(bedrock.calls) == 1


def test_a_retry_of_another_callers_try_is_a_first_try(send: Send, bedrock: FakeBedrock) -> None:
    assert create(send).json["id"] != create(send, 1, caller=ANOTHER).json["id"]
    assert len(bedrock.calls) == 2


def test_a_try_can_be_retried_while_its_function_may_run_and_some_time_after(
    send: Send, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    create(send)
    wall.advance(WINDOW_SECONDS - 1)
    assert create(send, 1).headers["idempotent-replayed"] == "true"
    wall.advance(1)
    assert "idempotent-replayed" not in create(send, 2).headers
    assert len(bedrock.calls) == 2
    assert WINDOW_SECONDS > LEASE_SECONDS


@pytest.mark.parametrize("count", ["", "0", "00", "-1", "many", "12345"])
def test_an_invalid_retry_count_is_a_first_try(send: Send, bedrock: FakeBedrock, count: str) -> None:
    create(send)
    create(send, count)
    assert len(bedrock.calls) == 2


def test_a_retry_waits_for_its_try(send: Send, bedrock: FakeBedrock, clock: FakeClock) -> None:
    waited: list[Answer] = []
    before = clock.now
    bedrock.meanwhile.append(lambda: waited.append(create(send, 1)))
    assert create(send).status == 200
    assert [(answer.status, answer.json["error"]["code"]) for answer in waited] == [(409, "in_progress")]
    assert clock.now - before == pytest.approx(25, abs=0.5)
    assert len(bedrock.calls) == 1


def test_a_retry_whose_request_differs_is_a_first_try(send: Send, bedrock: FakeBedrock) -> None:
    create(send)
    assert send("POST", PATH, FOX | {"seed": 8}, x_stainless_retry_count="1").status == 200
    assert len(bedrock.calls) == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_table_error_while_a_try_is_recorded_pays_nothing_and_can_be_retried(
    send: Send, bedrock: FakeBedrock, table: FakeTable, when: str
) -> None:
    at: dict[str, Callable[[], object]] = {when: refuse}
    with at_call(0, table, "write", **at):
        assert create(send).status == 503
    assert bedrock.calls == []
    assert create(send, 1).status == 200
    assert create(send, 2).headers["idempotent-replayed"] == "true"
    assert len(bedrock.calls) == 1


def test_a_try_is_recorded_once_although_the_answer_to_its_write_was_lost(
    send: Send, bedrock: FakeBedrock, table: FakeTable
) -> None:
    """The SDK sends the write again, which fails by the condition that the first one changed."""

    def fail() -> None:
        raise ConditionFailed([0])

    with at_call(0, table, "write", after=fail):
        assert create(send).status == 200
    [tries] = [record["tries"] for key, record in table.records.items() if key.startswith("retries#")]
    assert len(tries) == 1
    assert create(send, 1).headers["idempotent-replayed"] == "true"
    assert len(bedrock.calls) == 1


def test_a_first_try_costs_one_more_call_to_the_table(send: Send, table: FakeTable) -> None:
    with counted_calls(table) as calls:
        assert create(send).status == 200
    assert calls == ["write", "write", "write"]
