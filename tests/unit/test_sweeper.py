"""The sweeper makes progress certain: it finds unfinished generations that nobody looks after."""

import pytest

from aws.bedrock import BedrockError
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.events import FakeBus
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import (
    LEASE_SECONDS,
    FunctionKilled,
    at_call,
    die,
    killed_after,
    record,
    refuse,
    sweep,
    totals,
    work,
)

FOX = {"text": "a fox"}
EVERY = 300
"""Seconds between two sweeps."""

HOUR = 3600
THROTTLED = BedrockError("ThrottlingException", "")


@pytest.fixture
def bedrock() -> FakeBedrock:
    """Its pictures need no fitting, which takes time."""
    return FakeBedrock(ratio_size=(1024, 1024))


def start(send: Send, **body: object) -> str:
    job = send("POST", "/generate", FOX | body, prefer="respond-async")
    assert job.status == 202
    return str(job.json["id"])


def look(send: Send, job_id: str) -> Answer:
    return send("GET", f"/jobs/{job_id}")


def sweeps(times: int, wall: FakeClock) -> list[int]:
    """How many generations were due at each of so many sweeps."""
    due = []
    for _ in range(times):
        wall.advance(EVERY)
        due.append(sweep())
    return due


def test_a_job_whose_message_is_lost_is_sent_again_with_growing_pauses(
    send: Send, queue: FakeQueue, wall: FakeClock
) -> None:
    job_id = start(send)
    queue.sent.clear()

    due = sweeps(5 * HOUR // EVERY, wall)

    at = [number * EVERY / 60 for number, count in enumerate(due, start=1) if count]
    assert at == [5, 15, 35, 75, 135, 195, 255], "minutes: pauses of 10, 20, 40, and 60 from then on"
    assert queue.sent == [job_id] * len(at)
    assert work(job_id)
    assert look(send, job_id).json["status"] == "succeeded"
    assert sweeps(2 * HOUR // EVERY, wall) == [0] * 24


def test_a_job_that_its_worker_put_back_is_not_sent_before_its_pause_is_over(
    send: Send, bedrock: FakeBedrock, queue: FakeQueue, wall: FakeClock
) -> None:
    job_id = start(send)
    queue.sent.clear()
    wall.advance(EVERY - 1)
    bedrock.refuse("ThrottlingException")
    assert not work(job_id)
    assert sweeps(2, wall) == [0, 1]
    assert queue.sent == [job_id]


@pytest.mark.parametrize("failure", ["refusals", "losses"])
def test_a_message_that_was_not_sent_is_tried_by_the_next_sweep(
    send: Send, queue: FakeQueue, wall: FakeClock, failure: str
) -> None:
    first, second = start(send), start(send, seed=2)
    queue.sent.clear()
    getattr(queue, failure).append("ServiceUnavailable")
    assert sweeps(2, wall) == [2, 1]
    assert sorted(queue.sent) == sorted([first, second])


def test_a_job_whose_worker_died_is_sent_again(
    send: Send, bedrock: FakeBedrock, queue: FakeQueue, wall: FakeClock
) -> None:
    job_id = start(send)
    queue.sent.clear()
    bedrock.meanwhile.append(die)
    with pytest.raises(FunctionKilled):
        work(job_id)
    assert sweep() == 0, "it may be at work still"
    wall.advance(LEASE_SECONDS)
    assert sweep() == 1
    assert queue.sent == [job_id]
    assert work(job_id)
    assert look(send, job_id).json["status"] == "succeeded"


class TestAJobPastItsDeadline:
    def test_fails_with_its_last_cause(self, send: Send, bedrock: FakeBedrock, bus: FakeBus, wall: FakeClock) -> None:
        job_id = start(send)
        bedrock.refuse("ThrottlingException")
        assert not work(job_id)

        sweeps(6 * HOUR // EVERY, wall)

        job = look(send, job_id).json
        assert (job["status"], job["problem"]["code"]) == ("failed", "throttled")
        assert [(kind, detail["code"]) for kind, detail in bus.published] == [("Generation Failed", "throttled")]
        assert "a fox" not in str(record(job_id))

    def test_delivers_what_it_made(
        self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket, bus: FakeBus, wall: FakeClock
    ) -> None:
        bedrock.by_seed = {43: THROTTLED}
        job_id = start(send, model="core", number_of_images=2)
        assert not work(job_id)

        sweeps(6 * HOUR // EVERY, wall)

        job = look(send, job_id).json
        assert (job["status"], job["result"]["message"]) == ("succeeded", "1 of 2 images generated")
        assert [detail.get("id") for detail in job["result"]["details"]] == [*bucket.objects, None]
        assert [(kind, detail["missing"]) for kind, detail in bus.published] == [("Generation Completed", 1)]
        assert len(bedrock.calls) == 2

    def test_delivers_what_a_crashed_worker_stored_in_the_bucket(
        self, send: Send, bucket: FakeBucket, table: FakeTable, wall: FakeClock
    ) -> None:
        job_id = start(send, model="core")
        wall.advance(6 * HOUR - 60)
        with killed_after(1, table, "write"):
            work(job_id)
        wall.advance(LEASE_SECONDS)
        assert sweep() == 1
        job = look(send, job_id).json
        assert (job["status"], job["result"]["details"][0]["id"]) == ("succeeded", *bucket.objects)
        assert totals(table) == (40_000, 0)

    def test_is_over_within_a_sweep_of_it(self, send: Send, wall: FakeClock) -> None:
        job_id = start(send)
        sweeps(6 * HOUR // EVERY - 1, wall)
        assert look(send, job_id).json["status"] == "queued"
        sweeps(1, wall)
        assert (look(send, job_id).json["status"], look(send, job_id).json["problem"]["code"]) == (
            "failed",
            "timed_out",
        )


class TestADeadSynchronousAttempt:
    def test_is_settled_once_and_published(
        self, send: Send, bedrock: FakeBedrock, bus: FakeBus, table: FakeTable, queue: FakeQueue, wall: FakeClock
    ) -> None:
        bedrock.meanwhile.append(die)
        with pytest.raises(FunctionKilled):
            send("POST", "/generate", FOX)
        assert sweeps(3, wall) == [1, 0, 0]
        assert totals(table) == (40_000, 0)
        assert [(kind, detail["code"]) for kind, detail in bus.published] == [("Generation Failed", "internal_error")]
        assert queue.sent == [], "nobody was told of a job"

    def test_leaves_the_request_free_to_go_on(
        self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock
    ) -> None:
        body = FOX | {"model": "core", "number_of_images": 2}
        with killed_after(1, bucket, "put"):
            send("POST", "/generate", body)
        sweeps(1, wall)
        assert send("POST", "/generate", body).json["message"] == "Images generated successfully"
        assert len(bedrock.calls) == 3

    def test_that_goes_on_meanwhile_is_left_alone(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock
    ) -> None:
        bedrock.meanwhile.append(die)
        with pytest.raises(FunctionKilled):
            send("POST", "/generate", FOX)
        wall.advance(LEASE_SECONDS)
        with at_call(0, table, "write", before=lambda: send("POST", "/generate", FOX)):
            assert sweep() == 1
        assert send("POST", "/generate", FOX).headers["idempotent-replayed"] == "true"
        assert totals(table) == (50_000, 0)


def test_what_is_over_is_not_due(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    send("POST", "/generate", FOX)
    bedrock.refuse("ModelErrorException")
    send("POST", "/generate", FOX | {"seed": 2})
    assert work(start(send, seed=3))
    send("DELETE", f"/jobs/{start(send, seed=4)}")
    assert sweeps(3, wall) == [0, 0, 0]


@pytest.mark.parametrize("method", ["get", "write"])
def test_one_generation_that_the_table_fails_for_holds_up_no_other(
    send: Send, queue: FakeQueue, table: FakeTable, wall: FakeClock, method: str
) -> None:
    jobs = sorted(start(send, seed=seed) for seed in range(3))
    queue.sent.clear()
    wall.advance(EVERY)
    with at_call(1, table, method, before=refuse):
        assert sweep() == 3
    assert set(queue.sent) == (set(jobs) if method == "write" else {jobs[0], jobs[2]})
    wall.advance(1)
    assert sweep() == 1


def test_more_than_a_page_is_found_in_one_sweep(send: Send, queue: FakeQueue, wall: FakeClock) -> None:
    jobs = [start(send, seed=seed) for seed in range(60)]
    queue.sent.clear()
    assert sweeps(1, wall) == [60]
    assert sorted(queue.sent) == sorted(jobs)


def test_the_longest_due_is_first_and_the_rest_waits_where_time_is_short(
    send: Send, queue: FakeQueue, wall: FakeClock
) -> None:
    start(send)
    queue.sent.clear()
    wall.advance(EVERY)
    assert sweep(seconds=4) == 0
    assert queue.sent == []
    assert sweep() == 1
