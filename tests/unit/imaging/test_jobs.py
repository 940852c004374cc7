"""Generations that nobody waits for: accepted, worked at, seen, waited for, given up, cancelled."""

import io
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

import bootstrap
import worker.app
from aws.bedrock import BedrockError
from bootstrap import Services
from imaging.deadline import Deadline
from imaging.errors import Cancelled, InvalidRequest
from imaging.generations import CANCELLATION_SECONDS, MAX_ATTEMPTS
from imaging.records.record import GenerationRecord
from imaging.records.store import RESEND_SECONDS
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.events import FakeBus
from tests.fakes.lambda_runtime import CALLER, FakeContext, event
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import (
    LEASE_SECONDS,
    FunctionKilled,
    at_call,
    counted_calls,
    die,
    killed_after,
    record,
    refuse,
    refused_after,
    sweep,
    totals,
    work,
    writes_image,
)

SECRET = "secret prompt"  # noqa: S105 - the test looks for it in the log
FOX = {"text": "a fox", "number_of_images": 2}
ASYNC = {"prefer": "respond-async"}
ANOTHER = "fedcba9876543210"


@pytest.fixture
def bedrock() -> FakeBedrock:
    """Its pictures need no fitting, which takes time."""
    return FakeBedrock(ratio_size=(1024, 1024))


def start(send: Send, body: dict[str, Any] | None = None, /, **headers: str) -> Answer:
    return send("POST", "/generate", FOX | (body or {}), **{**ASYNC, **headers})


def look(send: Send, job_id: str, **how: str) -> Answer:
    return send("GET", f"/jobs/{job_id}", **how)


def later(wall: FakeClock, job_id: str) -> bool:
    """Lets the worker see the job's message once the pause is over that it was put back for."""
    wall.advance(121)
    return work(job_id)


def work_meanwhile(job_id: str) -> float | None:
    """What another worker does with the job while this one is at work: a door serves one event at a time."""
    return bootstrap.services().jobs.work(job_id, Deadline.after(100))


def generate(send: Send, body: dict[str, Any] | None = None, /, **headers: str) -> Answer:
    return send("POST", "/generate", FOX | (body or {}), **headers)


THROTTLED = BedrockError("ThrottlingException", "")


def test_a_job_is_accepted_and_says_where_it_is(send: Send, bedrock: FakeBedrock, queue: FakeQueue) -> None:
    answer = start(send)

    assert answer.status == 202
    job = answer.json
    assert (job["status"], job["attempts"], job["result"], job["problem"]) == ("queued", 0, None, None)
    where = f"https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/api/jobs/{job['id']}"
    assert answer.headers["location"] == where
    assert job["links"] == {"self": where, "cancel": where}
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["preference-applied"] == "respond-async"
    assert queue.sent == [job["id"]]
    assert bedrock.calls == []
    assert look(send, job["id"]).json == job
    assert "a fox" not in answer.text


def test_the_worker_makes_the_images(send: Send, bucket: FakeBucket) -> None:
    job_id = start(send).json["id"]

    assert work(job_id)

    job = look(send, job_id).json
    assert (job["status"], job["attempts"], job["possibly_rebilled"]) == ("succeeded", 1, False)
    assert job["result"]["id"] == job_id
    assert len(job["result"]["images"]) == len(bucket.objects) == 2
    assert job["started_at"]
    assert job["ended_at"]


def test_a_second_delivery_of_a_finished_job_does_nothing(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    assert work(job_id)
    assert work(job_id)
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize("headers", [{}, {"idempotency_key": "k"}])
def test_the_same_request_is_the_same_job(send: Send, queue: FakeQueue, headers: dict[str, str]) -> None:
    first, second = start(send, **headers), start(send, **headers)
    assert (first.status, second.status) == (202, 202)
    assert first.json == second.json
    assert len(queue.sent) == 1


def test_a_key_with_another_body_is_refused(send: Send) -> None:
    start(send, idempotency_key="k")
    answer = start(send, {"seed": 1}, idempotency_key="k")
    assert (answer.status, answer.json["code"]) == (422, "key_reused")


def test_random_seeds_are_jobs_of_their_own(send: Send, bedrock: FakeBedrock) -> None:
    one, two = (start(send, {"seed": None}).json["id"] for _ in range(2))
    assert one != two
    assert work(one)
    assert work(one)
    assert work(two)
    assert len(bedrock.calls) == 2


def test_what_is_finished_is_answered_at_once(send: Send, bedrock: FakeBedrock) -> None:
    now = send("POST", "/generate", FOX)
    later = start(send)
    assert later.status == 200
    assert later.headers["idempotent-replayed"] == "true"
    assert later.json["images"] == now.json["images"]
    assert len(bedrock.calls) == 1


def test_who_waits_for_a_job_gets_its_images(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    work(job_id)
    answer = send("POST", "/generate", FOX)
    assert (answer.status, answer.json["id"]) == (200, job_id)
    assert answer.headers["idempotent-replayed"] == "true"
    assert len(bedrock.calls) == 1


def test_waiting_too_long_returns_the_jobs_location(send: Send, clock: FakeClock, bedrock: FakeBedrock) -> None:
    job = start(send)
    before = clock.now

    answer = send("POST", "/generate", FOX)

    assert (answer.status, answer.json["code"]) == (409, "in_progress")
    assert answer.headers["location"] == job.headers["location"]
    assert clock.now - before == pytest.approx(25, abs=0.6)
    assert bedrock.calls == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", ["x", "", "..", "0ccb4f4e-8a3b-4a0c-9d61-3f1b3f0c9a11"])
def test_an_unknown_job_is_not_there(send: Send, method: str, name: str) -> None:
    assert send(method, f"/jobs/{name}").status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_callers_job_is_not_there(send: Send, method: str) -> None:
    job_id = start(send).json["id"]
    assert send(method, f"/jobs/{job_id}", caller=ANOTHER).json["code"] == "not_found"
    assert look(send, job_id).json["status"] == "queued"


def test_a_queued_job_can_be_cancelled(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]

    answer = send("DELETE", f"/jobs/{job_id}")

    assert (answer.status, answer.json["status"]) == (200, "cancelled")
    assert send("DELETE", f"/jobs/{job_id}").status == 200
    assert work(job_id)
    assert look(send, job_id).json["status"] == "cancelled"
    assert bedrock.calls == []


def test_a_job_that_is_over_cannot_be_cancelled(send: Send) -> None:
    job_id = start(send).json["id"]
    work(job_id)
    answer = send("DELETE", f"/jobs/{job_id}")
    assert (answer.status, answer.json["code"]) == (409, "not_cancellable")


def test_a_cancelled_job_makes_room_for_a_new_one(send: Send, queue: FakeQueue) -> None:
    job_id = start(send).json["id"]
    send("DELETE", f"/jobs/{job_id}")
    again = start(send)
    assert (again.status, again.json["id"], again.json["status"]) == (202, job_id, "queued")
    assert queue.sent == [job_id, job_id]
    assert work(job_id)
    assert look(send, job_id).json["status"] == "succeeded"


class TestALateCopyOfACancelledRequest:
    """A client that got no answer in time sends its request again, and may have stopped the job meanwhile."""

    KEY: ClassVar = {"Idempotency-Key": "once"}

    @pytest.fixture
    def job_id(self, send: Send) -> str:
        job_id: str = start(send, **self.KEY).json["id"]
        assert send("DELETE", f"/jobs/{job_id}").json["status"] == "cancelled"
        return job_id

    def test_is_answered_with_the_cancelled_job(self, send: Send, queue: FakeQueue, job_id: str) -> None:
        late = start(send, **self.KEY)
        assert (late.status, late.json) == (202, look(send, job_id).json)
        assert queue.sent == [job_id]

    def test_that_waits_is_refused(self, send: Send, bedrock: FakeBedrock, job_id: str) -> None:
        late = generate(send, **self.KEY)
        assert (late.status, late.json["code"]) == (409, "cancelled")
        assert "Retry-After" not in late.headers
        assert look(send, job_id).json["status"] == "cancelled"
        assert bedrock.calls == []

    @pytest.mark.usefixtures("job_id")
    def test_starts_anew_after_a_minute(self, send: Send, wall: FakeClock) -> None:
        wall.advance(CANCELLATION_SECONDS)
        assert start(send, **self.KEY).json["status"] == "queued"
        assert generate(send, {"seed": 7}, **self.KEY).json["code"] == "key_reused"

    def test_delivers_what_the_job_had_made(self, send: Send, bedrock: FakeBedrock) -> None:
        bedrock.by_seed = {43: THROTTLED}
        job_id = start(send, {"model": "core"}, **self.KEY).json["id"]
        assert not work(job_id)
        cancelled = send("DELETE", f"/jobs/{job_id}").json
        assert start(send, {"model": "core"}, **self.KEY).json["result"]["details"] == cancelled["result"]["details"]

    def test_that_was_waiting_already_is_refused(self, send: Send, bedrock: FakeBedrock) -> None:
        job_id = start(send, **self.KEY).json["id"]

        def sleep(_: float) -> None:
            send("DELETE", f"/jobs/{job_id}")

        patient = replace(bootstrap.services().generations, sleep=sleep)
        request = GenerationRequest.model_validate(FOX)
        with pytest.raises(Cancelled):
            patient.run(Submission.keyed(request, CALLER, "once"), Deadline.after(100), 20)
        assert bedrock.calls == []


def test_throttling_waits_longer_each_time_and_never_falls_back(
    send: Send, bedrock: FakeBedrock, queue: FakeQueue, wall: FakeClock
) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ThrottlingException", times=9)

    assert not any(later(wall, job_id) for _ in range(9))

    assert {call.model for call in bedrock.calls} == {"amazon.titan-image-generator-v2:0"}
    for turn, (_, seconds) in enumerate(queue.put_backs, start=1):
        assert min(2**turn, 120) / 2 <= seconds <= min(2**turn, 120)
    assert look(send, job_id).json["status"] == "queued"
    assert later(wall, job_id)
    assert look(send, job_id).json["status"] == "succeeded"


def test_a_message_that_comes_before_the_pause_is_over_is_put_back_for_the_rest(
    send: Send, bedrock: FakeBedrock, queue: FakeQueue
) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ThrottlingException")
    assert not work(job_id)
    assert not work(job_id)
    (_, pause), (_, rest) = queue.put_backs
    assert rest == pytest.approx(pause, abs=0.01)
    assert (len(bedrock.calls), record(job_id).throttles) == (1, 1)


def test_every_line_about_a_job_names_it(send: Send, bedrock: FakeBedrock, log: io.StringIO) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ThrottlingException")
    work(job_id)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {line["message"] for line in lines} >= {"A model call failed", "A job waits"}
    assert {line.get("generation_id") for line in lines} == {job_id}
    [failed] = [line for line in lines if line["message"] == "A model call failed"]
    assert (failed["model"], failed["aws_error"]) == (bedrock.calls[0].model, "ThrottlingException")


def test_a_retired_model_falls_back_in_a_job_too(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ResourceNotFoundException")
    assert work(job_id)
    assert look(send, job_id).json["result"]["model"] == "stability.stable-image-core-v1:1"


def test_a_failure_that_may_pass_is_tried_four_times(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ModelErrorException", times=MAX_ATTEMPTS)

    assert [later(wall, job_id) for _ in range(MAX_ATTEMPTS)] == [False, False, False, True]

    job = look(send, job_id).json
    assert (job["status"], job["attempts"], job["result"]) == ("failed", 4, None)
    problem = job["problem"]
    assert (problem["status"], problem["code"], problem["aws_error"]) == (502, "model_error", "ModelErrorException")


def test_throttled_attempts_are_no_failed_ones(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ModelErrorException", times=MAX_ATTEMPTS - 1)
    bedrock.refuse("ThrottlingException", times=2 * MAX_ATTEMPTS)

    assert not any(later(wall, job_id) for _ in range(3 * MAX_ATTEMPTS - 1))
    assert later(wall, job_id)

    assert look(send, job_id).json["status"] == "succeeded"
    assert (record(job_id).failures, record(job_id).throttles) == (MAX_ATTEMPTS - 1, 2 * MAX_ATTEMPTS)


@pytest.mark.parametrize(
    ("aws_error", "code"),
    [("AccessDeniedException", "model_access_denied"), ("ValidationException", "invalid_request")],
)
def test_a_failure_that_will_not_pass_ends_the_job(send: Send, bedrock: FakeBedrock, aws_error: str, code: str) -> None:
    job_id = start(send, {"model": "titan"}).json["id"]
    bedrock.refuse(aws_error)
    assert work(job_id)
    assert look(send, job_id).json["problem"]["code"] == code


def test_a_failed_job_makes_room_for_a_new_one(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ValidationException")
    work(job_id)
    assert start(send).json["status"] == "queued"
    assert work(job_id)
    assert look(send, job_id).json["status"] == "succeeded"


def test_after_its_hours_a_job_that_waits_fails_with_its_last_cause(
    send: Send, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ThrottlingException", times=2)
    assert not work(job_id)
    wall.advance(6 * 3600)
    assert work(job_id)
    assert look(send, job_id).json["problem"]["code"] == "throttled"
    assert len(bedrock.calls) == 1


def test_the_last_attempt_before_its_deadline_takes_what_is_there(
    send: Send, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    bedrock.by_seed = {43: THROTTLED}
    job_id = start(send, {"model": "core"}).json["id"]
    wall.advance(6 * 3600 - 0.5)

    assert work(job_id)

    job = look(send, job_id).json
    assert (job["status"], job["result"]["message"]) == ("succeeded", "1 of 2 images generated")


def test_a_job_that_was_never_begun_in_its_time_says_so(send: Send, wall: FakeClock, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    wall.advance(6 * 3600)
    assert work(job_id)
    problem = look(send, job_id).json["problem"]
    assert (problem["code"], "JobHours" in problem["detail"]) == ("timed_out", True)
    assert bedrock.calls == []


def test_a_running_job_is_put_back_until_its_lease_ends(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    seen: list[object] = []

    def second_delivery() -> None:
        assert look(send, job_id).json["status"] == "running"
        seen.append(work_meanwhile(job_id))

    bedrock.meanwhile.append(second_delivery)
    assert work(job_id, seconds=100)

    (seconds,) = seen
    assert isinstance(seconds, float)
    assert 100 <= seconds <= 107
    assert len(bedrock.calls) == 1


def test_of_two_workers_that_claim_a_job_at_once_one_has_it(
    send: Send, bedrock: FakeBedrock, table: FakeTable, queue: FakeQueue
) -> None:
    job_id = start(send).json["id"]
    with at_call(0, table, "write", before=lambda: work_meanwhile(job_id)):
        assert not work(job_id)
    assert [seconds for _, seconds in queue.put_backs] == [1]
    assert len(bedrock.calls) == 1
    assert work(job_id)
    assert totals(table) == (20_000, 0)


def test_a_running_job_cannot_be_cancelled(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    codes: list[str] = []
    bedrock.meanwhile.append(lambda: codes.append(send("DELETE", f"/jobs/{job_id}").json["code"]))
    work(job_id)
    assert codes == ["not_cancellable"]


def test_a_job_that_begins_while_it_is_cancelled_is_not(send: Send, table: FakeTable) -> None:
    job_id = start(send).json["id"]
    with at_call(0, table, "write", before=lambda: work_meanwhile(job_id)):
        answer = send("DELETE", f"/jobs/{job_id}")
    assert (answer.status, answer.json["code"]) == (409, "not_cancellable")
    assert look(send, job_id).json["status"] == "succeeded"


def test_a_cancelled_job_delivers_what_it_made(send: Send, bedrock: FakeBedrock, bucket: FakeBucket) -> None:
    bedrock.by_seed = {43: THROTTLED}
    job_id = start(send, {"model": "core"}).json["id"]
    assert not work(job_id)

    cancelled = send("DELETE", f"/jobs/{job_id}").json

    assert (cancelled["status"], cancelled["result"]["message"]) == ("cancelled", "1 of 2 images generated")
    assert [detail["status"] for detail in cancelled["result"]["details"]] == ["stored", "failed"]
    assert [detail.get("id") for detail in cancelled["result"]["details"]][:1] == list(bucket.objects)
    assert "cancelled" in cancelled["result"]["details"][1]["reason"]
    assert look(send, job_id).json == cancelled


def test_requesting_a_cancelled_job_again_pays_for_the_missing_images_only(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {43: THROTTLED}
    job_id = start(send, {"model": "core"}).json["id"]
    assert not work(job_id)
    send("DELETE", f"/jobs/{job_id}")
    bedrock.by_seed = {}
    assert generate(send, {"model": "core"}).json["message"] == "Images generated successfully"
    assert sorted(call.body["seed"] for call in bedrock.calls) == [42, 43, 43]


def test_a_job_says_how_far_it_is_and_what_it_waits_for(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock
) -> None:
    bedrock.by_seed = {43: THROTTLED}
    job_id = start(send, {"model": "core"}).json["id"]
    assert look(send, job_id).json["progress"] == {"requested": 2, "made": 0, "details": []}
    assert look(send, job_id).json["waiting"] is None

    assert not work(job_id)

    job = look(send, job_id).json
    (detail,) = job["progress"].pop("details")
    assert job["progress"] == {"requested": 2, "made": 1}
    assert [detail["id"]] == list(bucket.objects)
    assert (detail["index"], detail["caption"], detail["url"]) == (
        0,
        "Image 1 of 2",
        f"https://bucket.example/{detail['id']}",
    )
    assert job["waiting"]["code"] == "throttled"
    assert job["waiting"]["retry_at"].startswith("20")
    assert record(job_id).retry_at > wall.now
    bedrock.by_seed = {}
    assert later(wall, job_id)
    assert (look(send, job_id).json["waiting"], look(send, job_id).json["progress"]["made"]) == (None, 2)


def test_a_running_job_shows_the_images_that_are_there_by_now(
    send: Send, bedrock: FakeBedrock, table: FakeTable
) -> None:
    job_id = start(send, {"model": "core"}).json["id"]
    seen: list[int] = []

    def see() -> None:
        seen.append(look(send, job_id).json["progress"]["made"])

    with at_call(0, table, "write", counted=writes_image, after=see):
        assert work(job_id)
    assert seen[0] in {1, 2}, "its two calls run side by side"
    assert len(bedrock.calls) == 2


def test_a_job_whose_worker_crashed_is_finished_by_another_and_says_so(
    send: Send, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    job_id = start(send).json["id"]
    bedrock.meanwhile.append(die)
    with pytest.raises(FunctionKilled):
        work(job_id)
    assert look(send, job_id).json["status"] == "running"
    assert not work(job_id)

    wall.advance(LEASE_SECONDS)
    assert work(job_id)

    job = look(send, job_id).json
    assert (job["status"], job["attempts"], job["possibly_rebilled"]) == ("succeeded", 2, True)


def test_a_queue_that_refuses_leaves_nothing_behind(send: Send, queue: FakeQueue) -> None:
    queue.refusals.append("AccessDenied")
    answer = start(send)
    assert (answer.status, answer.json["code"], answer.json["aws_error"]) == (
        503,
        "dependency_unavailable",
        "AccessDenied",
    )
    assert sweep() == 0
    assert start(send).status == 202
    assert generate(send, {"seed": 1}).status == 200


def test_a_job_that_another_request_was_answered_with_stays(
    send: Send, queue: FakeQueue, wall: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Answer] = []
    original = queue.send

    def refuse_late(text: str, owner: str) -> None:
        if not told:
            told.append(start(send))
            queue.refusals.append("AccessDenied")
        original(text, owner)

    monkeypatch.setattr(queue, "send", refuse_late)
    assert start(send).status == 202
    assert [answer.status for answer in told] == [202]
    wall.advance(301)
    assert sweep() == 1
    assert queue.sent == [told[0].json["id"]]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_message_that_may_have_been_sent_is_an_accepted_job(
    send: Send, queue: FakeQueue, wall: FakeClock, arrived: bool
) -> None:
    (queue.lost_answers if arrived else queue.losses).append("ConnectionClosedError")
    answer = start(send)
    job_id = answer.json["id"]
    assert answer.status == 202
    assert queue.sent == [job_id] * arrived

    wall.advance(301)
    assert sweep() == 1
    assert queue.sent == [job_id] * (1 + arrived)
    assert [work(job_id) for _ in queue.sent] == [True] * len(queue.sent)
    assert look(send, job_id).json["status"] == "succeeded"


def test_a_table_that_refuses_starts_no_job(send: Send, queue: FakeQueue, table: FakeTable) -> None:
    table.refusals += ["ThrottlingException"]
    assert start(send).json["code"] == "dependency_unavailable"
    assert queue.sent == []


class TestALostAnswerOfTheTable:
    def test_when_a_job_is_written_still_sends_its_message(
        self, send: Send, queue: FakeQueue, table: FakeTable
    ) -> None:
        with at_call(0, table, "write", after=refuse):
            answer = start(send)
        assert answer.status == 202
        assert queue.sent == [answer.json["id"]]

    @pytest.mark.parametrize("write", [0, 1], ids=["begin", "end"])
    def test_when_a_worker_writes_is_recognised(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, write: int
    ) -> None:
        job_id = start(send).json["id"]
        with at_call(write, table, "write", after=refuse):
            assert work(job_id)
        job = look(send, job_id).json
        assert (job["status"], job["attempts"], job["possibly_rebilled"]) == ("succeeded", 1, False)
        assert len(bedrock.calls) == 1
        assert totals(table) == (20_000, 0)

    def test_when_a_job_is_cancelled_is_recognised(self, send: Send, table: FakeTable) -> None:
        job_id = start(send).json["id"]
        with at_call(0, table, "write", after=refuse):
            assert send("DELETE", f"/jobs/{job_id}").json["status"] == "cancelled"


def test_images_of_a_worker_whose_end_was_never_written_are_delivered(
    send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock
) -> None:
    job_id = start(send).json["id"]
    for _ in range(MAX_ATTEMPTS):
        with refused_after(1, table, "write"):
            assert not work(job_id)
        wall.advance(LEASE_SECONDS)

    assert work(job_id)

    job = look(send, job_id).json
    assert (job["status"], job["result"]["message"]) == ("succeeded", "Images generated successfully")
    assert len(bedrock.calls) == 1


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize("text", ["", "hello", "{}", "0CCB4F4E-8A3B-4A0C-9D61-3F1B3F0C9A11", str(uuid.UUID(int=7))])
def test_a_message_that_names_no_job_goes_to_the_dead_letter_queue(queue: FakeQueue, text: str) -> None:
    assert work(text)
    assert queue.dead_letters == [text]


def test_only_the_first_request_that_joins_a_queued_job_is_noted(send: Send, table: FakeTable) -> None:
    job_id = start(send).json["id"]
    assert not record(job_id).is_joined
    start(send)
    assert record(job_id).is_joined

    with counted_calls(table) as calls:
        assert start(send).json["id"] == job_id
    assert calls.count("write") == 1  # which finds that there is a job


@pytest.mark.parametrize(
    "sent",
    [
        None,
        {},
        {"Records": []},
        {"Records": [None]},
        {"Records": [{"messageId": "a", "receiptHandle": "b"}]},
        {"Records": [{"messageId": "a", "receiptHandle": "b", "body": None}]},
    ],
)
@pytest.mark.usefixtures("services")
def test_a_batch_that_is_not_sqss_fails_as_a_whole(sent: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(InvalidRequest, match="form of SQS"):
        worker.app.lambda_handler(sent, FakeContext())


def test_a_message_of_a_job_that_is_over_is_dropped(send: Send, bedrock: FakeBedrock, queue: FakeQueue) -> None:
    finished, failed, cancelled = (start(send, {"seed": seed}).json["id"] for seed in (1, 2, 3))
    assert work(finished)
    bedrock.refuse("ValidationException")
    assert work(failed)
    send("DELETE", f"/jobs/{cancelled}")
    calls = len(bedrock.calls)
    assert all(work(job_id) for job_id in (finished, failed, cancelled))
    assert (queue.dead_letters, len(bedrock.calls)) == ([], calls)
    assert [look(send, job_id).json["attempts"] for job_id in (finished, failed, cancelled)] == [1, 1, 0]


def test_a_message_of_a_generation_that_is_no_job_is_dropped(
    send: Send, bedrock: FakeBedrock, queue: FakeQueue
) -> None:
    answers: list[object] = []
    generation_id = generate(send, idempotency_key="k").json["id"]
    for detail in look(send, generation_id).json["result"]["details"]:
        send("DELETE", f"/images/{detail['id']}.png")
    bedrock.meanwhile.append(lambda: answers.append(work_meanwhile(generation_id)))
    generate(send, idempotency_key="k")
    assert answers == [None]
    assert (queue.dead_letters, queue.put_backs, len(bedrock.calls)) == ([], [], 2)


def test_one_useless_message_does_not_hold_up_the_batch(send: Send, queue: FakeQueue) -> None:
    job_id = start(send).json["id"]
    message = event("sqs")
    (record,) = message["Records"]
    message["Records"] = [{**record, "body": "hello", "messageId": "1"}, {**record, "body": job_id, "messageId": "2"}]

    answer = worker.app.lambda_handler(message, FakeContext())

    assert answer == {"batchItemFailures": []}
    assert queue.dead_letters == ["hello"]
    assert look(send, job_id).json["status"] == "succeeded"


def test_a_deleted_image_of_a_job_is_marked_as_deleted(send: Send) -> None:
    job_id = start(send).json["id"]
    work(job_id)
    for detail in look(send, job_id).json["result"]["details"]:
        send("DELETE", urlsplit(detail["link"]).path.removeprefix("/api"))
    result = look(send, job_id).json["result"]
    assert [detail["status"] for detail in result["details"]] == ["deleted", "deleted"]
    assert (result["images"], result["expires_at"]) == ([], None)


def test_what_was_generated_is_published(send: Send, bus: FakeBus, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    work(job_id)
    generate(send)
    bedrock.refuse("ModelErrorException")
    generate(send, {"seed": 1})

    (completed, done), (failed, broken) = bus.published
    assert (completed, failed) == ("Generation Completed", "Generation Failed")
    assert (done["id"], done["attempt"]) == (job_id, 1)
    assert (done["caller"], done["model"], done["cost_usd"]) == (
        "0123456789abcdef",
        "amazon.titan-image-generator-v2:0",
        0.02,
    )
    assert done["images"][0]["key"].startswith("generated_images/")
    assert (broken["code"], broken["attempt"]) == ("model_error", 1)
    assert "a fox" not in json.dumps(bus.published)


def test_duplicate_events_have_the_same_generation_and_attempt(
    send: Send, bus: FakeBus, table: FakeTable, wall: FakeClock
) -> None:
    job_id = start(send).json["id"]
    with refused_after(1, table, "write"):
        assert not work(job_id)
    wall.advance(LEASE_SECONDS)
    assert work(job_id)
    assert [(kind, detail["id"], detail["attempt"]) for kind, detail in bus.published] == [
        ("Generation Completed", job_id, 1),
        ("Generation Completed", job_id, 2),
    ]


def test_a_failed_job_is_published_once_it_is_given_up(
    send: Send, bus: FakeBus, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ModelErrorException", times=MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS):
        later(wall, job_id)
    assert [(kind, detail["id"]) for kind, detail in bus.published] == [("Generation Failed", job_id)]


def test_a_bus_that_refuses_changes_nothing(send: Send, bus: FakeBus) -> None:
    bus.refusals.append("AccessDeniedException")
    answer = send("POST", "/generate", FOX)
    assert (answer.status, answer.json["warnings"]) == (200, [])


def test_some_failed_images_are_a_success_of_the_others(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {43: BedrockError("ModelErrorException", "")}
    job_id = start(send, {"model": "core"}).json["id"]
    assert work(job_id)
    assert look(send, job_id).json["result"]["message"] == "1 of 2 images generated"


def test_a_job_waits_for_throttled_images_and_pays_for_no_other_again_however_long_it_waits(
    send: Send, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    bedrock.by_seed = {43: THROTTLED}
    job_id = start(send, {"model": "core"}).json["id"]
    assert not work(job_id)
    wall.advance(2 * 3600)
    assert not work(job_id)
    wall.advance(2 * 3600)
    bedrock.by_seed = {}

    assert work(job_id)

    assert [call.body["seed"] for call in bedrock.calls].count(42) == 1
    assert look(send, job_id).json["result"]["message"] == "Images generated successfully"
    assert send("GET", "/usage").json["spent_usd"] == 0.08
    assert send("GET", "/usage").json["images"] == 2


def test_in_the_end_some_images_are_better_than_none(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    bedrock.by_seed = {43: THROTTLED}
    job_id = start(send, {"model": "core"}).json["id"]
    assert not work(job_id)
    wall.advance(6 * 3600)
    assert work(job_id)
    job = look(send, job_id).json
    assert (job["status"], job["result"]["message"]) == ("succeeded", "1 of 2 images generated")
    assert "quota" in job["result"]["details"][1]["reason"]
    assert len(bedrock.calls) == 2


def test_a_bucket_that_refuses_ends_a_job_after_one_payment(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, table: FakeTable
) -> None:
    job_id = start(send).json["id"]
    bucket.refusals += ["AccessDenied"] * 14
    assert work(job_id)
    job = look(send, job_id).json
    assert (job["status"], job["attempts"], job["problem"]["code"]) == ("failed", 1, "storage_failed")
    assert len(bedrock.calls) == 1
    assert totals(table) == (20_000, 0)


@pytest.mark.parametrize("images", [1, 2])
def test_a_prompt_is_kept_until_its_job_is_over(
    send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock, images: int
) -> None:
    def kept() -> bool:
        return "a fox" in str(table.records)

    def ordered(seed: int) -> str:
        job_id: str = start(send, {"seed": seed, "model": "core", "number_of_images": images}).json["id"]
        assert kept()
        return job_id

    assert work(ordered(1))
    assert not kept()
    send("DELETE", f"/jobs/{ordered(2)}")
    assert not kept()
    bedrock.refuse("ValidationException", times=images)
    assert work(ordered(3))
    assert not kept()
    bedrock.by_seed = {5: THROTTLED}
    given_up = ordered(4)
    assert work(given_up) is (images == 1)
    wall.advance(6 * 3600)
    assert work(given_up)
    assert not kept()


def test_a_table_that_refuses_puts_the_job_back_for_a_moment(send: Send, table: FakeTable, queue: FakeQueue) -> None:
    job_id = start(send).json["id"]
    table.refusals.append("ThrottlingException")
    assert not work(job_id)
    assert [seconds for _, seconds in queue.put_backs] == [10]
    assert work(job_id)


def test_a_bug_ends_a_job_after_as_many_attempts_as_any_failure_and_each_counts_in_full(
    send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock, log: io.StringIO
) -> None:
    job_id = start(send).json["id"]

    def stumble() -> None:
        raise TypeError(SECRET)

    bedrock.meanwhile += [stumble] * MAX_ATTEMPTS
    assert [later(wall, job_id) for _ in range(MAX_ATTEMPTS)] == [False, False, False, True]
    assert look(send, job_id).json["problem"]["code"] == "internal_error"
    assert totals(table) == (MAX_ATTEMPTS * 80_000, 0)
    assert "TypeError" in log.getvalue()
    assert "secret prompt" not in log.getvalue()


def test_a_job_that_kills_its_workers_is_given_up(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    job_id = start(send).json["id"]
    bedrock.meanwhile += [die] * MAX_ATTEMPTS
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(FunctionKilled):
            work(job_id)
        wall.advance(LEASE_SECONDS)

    assert work(job_id)
    assert look(send, job_id).json["status"] == "failed"
    assert len(bedrock.calls) == MAX_ATTEMPTS


def test_a_job_that_kills_its_workers_delivers_what_they_stored(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock
) -> None:
    job_id = start(send, {"model": "core"}).json["id"]
    with killed_after(1, bucket, "put"):
        work(job_id)
    for _ in range(MAX_ATTEMPTS - 1):
        wall.advance(LEASE_SECONDS)
        bedrock.meanwhile.append(die)
        with pytest.raises(FunctionKilled):
            work(job_id)
    wall.advance(LEASE_SECONDS)
    assert work(job_id)
    job = look(send, job_id).json
    assert (job["status"], job["result"]["message"]) == ("succeeded", "1 of 2 images generated")


def test_fifty_repeats_of_a_waiting_job_send_one_message(send: Send, queue: FakeQueue) -> None:
    (job_id,) = {start(send).json["id"] for _ in range(51)}
    assert queue.sent == [job_id]


def test_a_job_that_outlived_its_hours_is_in_nobodys_way(send: Send, wall: FakeClock) -> None:
    start(send)
    wall.advance(6 * 3600)
    assert sweep() == 1
    assert generate(send).status == 200


class TestWhoAsksForAJobOfARunningRequest:
    """A caller waits for the images; another one, or the same one again, would rather have a job."""

    @pytest.fixture
    def jobs(self) -> list[GenerationRecord]:
        return []

    @pytest.fixture
    def ask(self, services: Services, jobs: list[GenerationRecord]) -> Callable[[], None]:  # noqa: ARG002
        """Asks as the HTTP door would, which serves one event at a time."""

        def ask() -> None:
            submission = bootstrap.services().deduplication.submission(GenerationRequest.model_validate(FOX), CALLER)
            job = bootstrap.services().generations.enqueue(submission)
            assert isinstance(job, GenerationRecord)
            jobs.append(job)

        return ask

    def test_gets_the_same_generation_as_a_job(
        self, send: Send, bedrock: FakeBedrock, jobs: list[GenerationRecord], ask: Callable[[], None]
    ) -> None:
        bedrock.meanwhile += [ask]
        answer = generate(send)
        (job,) = jobs
        assert (answer.status, job.status, job.is_job) == (200, "running", True)
        assert job.id == answer.json["id"]
        assert look(send, job.id).json["status"] == "succeeded"
        assert len(bedrock.calls) == 1

    def test_gets_it_although_the_function_dies(
        self,
        send: Send,
        bedrock: FakeBedrock,
        queue: FakeQueue,
        wall: FakeClock,
        jobs: list[GenerationRecord],
        ask: Callable[[], None],
    ) -> None:
        def ask_and_die() -> None:
            ask()
            die()

        bedrock.meanwhile += [ask_and_die]
        with pytest.raises(FunctionKilled):
            generate(send)
        wall.advance(LEASE_SECONDS)
        assert sweep() == 1
        (job_id,) = queue.sent
        assert job_id == jobs[0].id
        assert work(job_id)
        job = look(send, job_id).json
        assert (job["status"], job["possibly_rebilled"]) == ("succeeded", True)

    @pytest.mark.parametrize("aws_error", ["ModelErrorException", "ThrottlingException", "ServiceUnavailableException"])
    def test_gets_it_although_the_attempt_fails_in_passing(
        self,
        send: Send,
        bedrock: FakeBedrock,
        queue: FakeQueue,
        wall: FakeClock,
        jobs: list[GenerationRecord],
        ask: Callable[[], None],
        aws_error: str,
    ) -> None:
        bedrock.meanwhile += [ask]
        bedrock.refuse(aws_error, times=3)
        assert generate(send).status >= 429
        assert queue.sent == [jobs[0].id]
        bedrock.queue.clear()
        assert "waiting" in look(send, queue.sent[0]).json
        assert later(wall, queue.sent[0])
        assert look(send, queue.sent[0]).json["status"] == "succeeded"

    def test_gets_it_although_its_message_is_lost(
        self,
        send: Send,
        bedrock: FakeBedrock,
        queue: FakeQueue,
        wall: FakeClock,
        jobs: list[GenerationRecord],
        ask: Callable[[], None],
    ) -> None:
        bedrock.meanwhile += [ask]
        bedrock.refuse("ModelErrorException")
        queue.refusals.append("AccessDenied")
        assert generate(send).status == 502
        assert queue.sent == []
        wall.advance(2 + RESEND_SECONDS)
        assert sweep() == 1
        assert queue.sent == [jobs[0].id]

    def test_gets_its_failure_where_that_is_final(
        self, send: Send, bedrock: FakeBedrock, queue: FakeQueue, jobs: list[GenerationRecord], ask: Callable[[], None]
    ) -> None:
        bedrock.meanwhile += [ask]
        bedrock.refuse("ValidationException")
        assert generate(send).status == 400
        assert queue.sent == []
        job = look(send, jobs[0].id).json
        assert (job["status"], job["problem"]["code"]) == ("failed", "invalid_request")

    def test_does_not_pay_again_for_what_the_bucket_refused(
        self,
        send: Send,
        bedrock: FakeBedrock,
        bucket: FakeBucket,
        queue: FakeQueue,
        jobs: list[GenerationRecord],
        ask: Callable[[], None],
    ) -> None:
        bedrock.meanwhile += [ask]
        bucket.refusals += ["AccessDenied"] * 14
        assert generate(send).status == 503
        assert queue.sent == []
        job = look(send, jobs[0].id).json
        assert (job["status"], job["problem"]["code"]) == ("failed", "storage_failed")


class TestUnderACap:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.1"}

    def test_a_job_that_cannot_be_finished_delivers_what_was_paid_for(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock
    ) -> None:
        bedrock.by_seed = {43: THROTTLED}
        job_id = start(send, {"model": "core"}).json["id"]
        assert not work(job_id)
        bedrock.by_seed = {}
        assert generate(send, {"text": "another", "model": "core", "number_of_images": 1}).status == 200

        assert later(wall, job_id)

        job = look(send, job_id).json
        assert (job["status"], job["result"]["message"]) == ("succeeded", "1 of 2 images generated")
        assert "cap on spend" in job["result"]["details"][1]["reason"]
        assert send("GET", "/usage").json["spent_usd"] == 0.08

    @pytest.mark.parametrize("are_there", [0, 1])
    def test_a_job_waits_while_the_budget_is_only_reserved(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock, are_there: int
    ) -> None:
        job_id = start(send, {"model": "core"}).json["id"]
        if are_there:
            bedrock.by_seed = {43: THROTTLED}
            assert not work(job_id)
            bedrock.by_seed = {}
        waited: list[bool] = []

        def others_reserve() -> None:
            waited.extend(later(wall, job_id) for _ in range(MAX_ATTEMPTS + 1))
            waiting = record(job_id).waiting
            assert waiting is not None
            assert waiting.code == "budget_exhausted"

        bedrock.refuse("ThrottlingException", times=3)
        bedrock.meanwhile.append(others_reserve)
        other = {"text": "another", "model": "core", "number_of_images": 2 - are_there}
        send("POST", "/generate", other, caller=ANOTHER)
        bedrock.queue.clear()

        assert waited == [False] * (MAX_ATTEMPTS + 1)
        assert later(wall, job_id)
        job = look(send, job_id).json
        assert (job["result"]["message"], job["attempts"]) == ("Images generated successfully", 1 + are_there)
        assert totals(table)[1] == 0

    def test_a_job_fails_where_the_budget_is_spent(self, send: Send) -> None:
        assert generate(send, {"text": "another", "model": "core"}).status == 200
        job_id = start(send, {"model": "core"}).json["id"]
        assert work(job_id)
        assert look(send, job_id).json["problem"]["code"] == "budget_exhausted"


class TestAWaitForTheBudgetAfterACrash:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.15"}

    @pytest.fixture
    def job_id(self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock) -> str:
        """A job whose worker died after it stored one image of two, and which waits for others' reservations."""
        job_id: str = start(send, {"model": "core"}).json["id"]
        with killed_after(1, bucket, "put"):
            work(job_id)
        wall.advance(LEASE_SECONDS)
        bedrock.meanwhile.append(lambda: work(job_id))
        assert generate(send, {"seed": 1, "number_of_images": 1, "model": "core"}).status == 200
        assert look(send, job_id).json["waiting"]["code"] == "budget_exhausted"
        return job_id

    def test_that_is_cancelled_delivers_what_was_stored(self, send: Send, job_id: str) -> None:
        (stored,) = [detail["id"] for detail in look(send, job_id).json["progress"]["details"]]
        cancelled = send("DELETE", f"/jobs/{job_id}").json
        assert [detail["id"] for detail in cancelled["result"]["details"] if "id" in detail] == [stored]

    def test_counts_the_crash_as_a_failed_attempt(self, job_id: str) -> None:
        assert (record(job_id).failures, record(job_id).throttles) == (1, 1)


class TestWithLongHoursAndAShortRetention:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"JOB_HOURS": "48", "RETENTION_DAYS": "1"}

    def test_a_job_is_not_forgotten_while_it_waits(self, send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
        job_id = start(send).json["id"]
        wall.advance(47 * 3600)
        bedrock.refuse("ThrottlingException")
        assert not work(job_id)
        assert later(wall, job_id)
        assert look(send, job_id).json["status"] == "succeeded"

    def test_a_job_is_over_by_its_deadline(self, send: Send, wall: FakeClock) -> None:
        job_id = start(send).json["id"]
        wall.advance(48 * 3600)
        assert sweep() == 1
        assert look(send, job_id).json["status"] == "failed"
