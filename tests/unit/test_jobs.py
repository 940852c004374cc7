"""Generations that nobody waits for: started, seen, waited for, tried again, given up, cancelled."""

import io
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest

import bootstrap
import worker.app
from aws.bedrock import BedrockError
from imaging.deadline import Deadline
from imaging.generate import Generator
from imaging.jobs import MAX_ATTEMPTS, PutBack
from imaging.spending import Bill
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.counters import FakeCounters
from tests.fakes.events import FakeBus
from tests.fakes.lambda_runtime import FakeContext, event
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send

SECRET = "secret prompt"  # noqa: S105 - the test looks for it in the log
FOX = {"text": "a fox", "number_of_images": 2}
ASYNC = {"prefer": "respond-async"}
ANOTHER = "fedcba9876543210"


def start(send: Send, body: dict[str, Any] | None = None, **headers: str) -> Answer:
    return send("POST", "/generate", FOX | (body or {}), **{**ASYNC, **headers})


def look(send: Send, job_id: str, **how: str) -> Answer:
    return send("GET", f"/jobs/{job_id}", **how)


def work(text: str, seconds: float = 180) -> bool:
    """Lets the worker see a message; whether it is done with it."""
    message = event("sqs")
    message["Records"][0]["body"] = text
    answer = worker.app.lambda_handler(message, FakeContext(seconds=seconds))
    return answer["batchItemFailures"] == []


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


def test_who_waits_too_long_is_told_where_the_job_is(send: Send, clock: FakeClock, bedrock: FakeBedrock) -> None:
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


def test_throttling_waits_longer_each_time_and_never_falls_through(
    send: Send, bedrock: FakeBedrock, queue: FakeQueue
) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ThrottlingException", times=9)

    assert not any(work(job_id) for _ in range(9))

    assert {call.model for call in bedrock.calls} == {"amazon.titan-image-generator-v2:0"}
    for turn, (_, seconds) in enumerate(queue.put_backs, start=1):
        assert min(2**turn, 120) / 2 <= seconds <= min(2**turn, 120)
    assert look(send, job_id).json["status"] == "queued"
    assert work(job_id)
    assert look(send, job_id).json["status"] == "succeeded"


def test_every_line_about_a_job_names_it(send: Send, bedrock: FakeBedrock, log: io.StringIO) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ThrottlingException")
    work(job_id)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {line["message"] for line in lines} >= {"Bedrock brought no answer", "A job waits"}
    assert {line.get("job_id") for line in lines} == {job_id}


def test_a_retired_model_falls_through_in_a_job_too(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ResourceNotFoundException")
    assert work(job_id)
    assert look(send, job_id).json["result"]["model"] == "stability.stable-image-core-v1:1"


def test_a_failure_that_may_pass_is_tried_four_times(send: Send, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ModelErrorException", times=MAX_ATTEMPTS)

    assert [work(job_id) for _ in range(MAX_ATTEMPTS)] == [False, False, False, True]

    job = look(send, job_id).json
    assert (job["status"], job["attempts"], job["result"]) == ("failed", 4, None)
    problem = job["problem"]
    assert (problem["status"], problem["code"], problem["aws_error"]) == (502, "model_error", "ModelErrorException")


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


def test_after_its_hours_a_job_that_waits_is_given_up(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ThrottlingException", times=2)
    assert not work(job_id)
    wall.now += 6 * 3600
    assert work(job_id)
    assert look(send, job_id).json["problem"]["code"] == "throttled"


def test_a_running_job_is_put_back_until_its_lease_ends(send: Send, generator: Generator, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    verdicts = []

    def second_delivery(*arguments: Any) -> Any:  # noqa: ANN401 - as the fake
        assert look(send, job_id).json["status"] == "running"
        verdicts.append(bootstrap.jobs().work(job_id, Deadline.after(100)))
        return bedrock(*arguments)

    object.__setattr__(generator, "invoke", second_delivery)
    assert work(job_id, seconds=100)

    (verdict,) = verdicts
    assert isinstance(verdict, PutBack)
    assert 90 <= verdict.seconds <= 102
    assert len(bedrock.calls) == 1


def test_a_running_job_cannot_be_cancelled(send: Send, generator: Generator, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    codes = []

    def cancel(*arguments: Any) -> Any:  # noqa: ANN401 - as the fake
        codes.append(send("DELETE", f"/jobs/{job_id}").json["code"])
        return bedrock(*arguments)

    object.__setattr__(generator, "invoke", cancel)
    work(job_id)
    assert codes == ["not_cancellable"]


class WorkerKilled(BaseException):
    """What no handler catches."""


def test_a_job_whose_worker_died_is_finished_by_another_and_says_so(
    send: Send, generator: Generator, bedrock: FakeBedrock, wall: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = start(send).json["id"]

    def die(*_: object) -> Any:  # noqa: ANN401 - as the fake
        raise WorkerKilled

    object.__setattr__(generator, "invoke", die)
    with pytest.raises(WorkerKilled):
        work(job_id, seconds=100)
    assert look(send, job_id).json["status"] == "running"
    object.__setattr__(generator, "invoke", bedrock)
    assert not work(job_id)

    wall.now += 101
    monkeypatch.setattr("tests.fakes.idempotency.now_millis", lambda: wall.now * 1000)
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
    assert start(send).status == 202
    assert send("POST", "/generate", FOX | {"seed": 1}).status == 200


def test_a_table_that_refuses_starts_no_job(send: Send, queue: FakeQueue, table: FakeTable) -> None:
    table.refusals += ["ThrottlingException"]
    assert start(send).json["code"] == "dependency_unavailable"
    assert queue.sent == []


@pytest.mark.parametrize("text", ["", "hello", "{}", "0CCB4F4E-8A3B-4A0C-9D61-3F1B3F0C9A11", str(uuid.UUID(int=7))])
def test_a_message_that_is_no_job_of_ours_goes_to_the_dead_letters(
    generator: Generator, queue: FakeQueue, text: str
) -> None:
    assert generator
    assert work(text)
    assert queue.buried == [text]


def test_one_useless_message_does_not_hold_up_the_batch(send: Send, queue: FakeQueue) -> None:
    job_id = start(send).json["id"]
    message = event("sqs")
    (record,) = message["Records"]
    message["Records"] = [{**record, "body": "hello", "messageId": "1"}, {**record, "body": job_id, "messageId": "2"}]

    answer = worker.app.lambda_handler(message, FakeContext())

    assert answer == {"batchItemFailures": []}
    assert queue.buried == ["hello"]
    assert look(send, job_id).json["status"] == "succeeded"


def test_a_deleted_image_of_a_job_is_told(send: Send) -> None:
    job_id = start(send).json["id"]
    work(job_id)
    for detail in look(send, job_id).json["result"]["details"]:
        send("DELETE", urlsplit(detail["link"]).path.removeprefix("/api"))
    result = look(send, job_id).json["result"]
    assert [detail["status"] for detail in result["details"]] == ["deleted", "deleted"]
    assert (result["images"], result["expires_at"]) == ([], None)


def test_what_was_generated_is_told_to_the_bus(send: Send, bus: FakeBus, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    work(job_id)
    send("POST", "/generate", FOX)
    bedrock.refuse("ModelErrorException")
    send("POST", "/generate", FOX | {"seed": 1})

    (completed, done), (failed, broken) = bus.published
    assert (completed, failed) == ("Generation Completed", "Generation Failed")
    assert done["id"] == job_id
    assert (done["caller"], done["model"], done["cost_usd"]) == (
        "0123456789abcdef",
        "amazon.titan-image-generator-v2:0",
        0.02,
    )
    assert done["images"][0]["key"].startswith("generated_images/")
    assert broken["code"] == "model_error"
    assert "a fox" not in json.dumps(bus.published)


def test_a_job_is_told_to_have_failed_once_it_is_given_up(send: Send, bus: FakeBus, bedrock: FakeBedrock) -> None:
    job_id = start(send).json["id"]
    bedrock.refuse("ModelErrorException", times=MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS):
        work(job_id)
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


def test_a_job_waits_for_the_images_that_were_throttled_and_pays_for_no_other_again(
    send: Send, bedrock: FakeBedrock
) -> None:
    bedrock.by_seed = {43: BedrockError("ThrottlingException", "")}
    job_id = start(send, {"model": "core"}).json["id"]
    assert not work(job_id)
    bedrock.by_seed = {}

    assert work(job_id)

    assert [call.body["seed"] for call in bedrock.calls].count(42) == 1
    assert look(send, job_id).json["result"]["message"] == "Images generated successfully"
    assert send("GET", "/usage").json["spent_usd"] == 0.08
    assert send("GET", "/usage").json["images"] == 2


def test_in_the_end_some_images_are_better_than_none(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    bedrock.by_seed = {43: BedrockError("ThrottlingException", "")}
    job_id = start(send, {"model": "core"}).json["id"]
    assert not work(job_id)
    wall.now += 6 * 3600
    assert work(job_id)
    assert look(send, job_id).json["result"]["message"] == "1 of 2 images generated"


def test_a_table_that_refuses_puts_the_job_back_for_a_moment(send: Send, table: FakeTable, queue: FakeQueue) -> None:
    job_id = start(send).json["id"]
    table.refusals.append("ThrottlingException")
    assert not work(job_id)
    assert [seconds for _, seconds in queue.put_backs] == [10]
    assert work(job_id)


def test_a_bug_ends_a_job_after_as_many_attempts_as_any_failure(
    send: Send, generator: Generator, bedrock: FakeBedrock, log: io.StringIO
) -> None:
    job_id = start(send).json["id"]

    def stumble(*arguments: Any) -> Any:  # noqa: ANN401 - as the fake
        bedrock(*arguments)
        raise TypeError(SECRET)

    object.__setattr__(generator, "invoke", stumble)
    assert [work(job_id) for _ in range(MAX_ATTEMPTS)] == [False, False, False, True]
    assert look(send, job_id).json["problem"]["code"] == "internal_error"
    assert "TypeError" in log.getvalue()
    assert "secret prompt" not in log.getvalue()


def test_a_job_that_kills_its_workers_is_given_up(
    send: Send, generator: Generator, wall: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = start(send).json["id"]
    killed = []

    def die(*_: object) -> Any:  # noqa: ANN401 - as the fake
        killed.append(1)
        raise WorkerKilled

    object.__setattr__(generator, "invoke", die)
    monkeypatch.setattr("tests.fakes.idempotency.now_millis", lambda: wall.now * 1000)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(WorkerKilled):
            work(job_id, seconds=100)
        wall.now += 101

    assert work(job_id, seconds=100)
    assert look(send, job_id).json["status"] == "failed"
    assert len(killed) == MAX_ATTEMPTS


def test_a_job_whose_message_was_never_sent_is_sent_by_the_next_who_asks(
    send: Send, queue: FakeQueue, wall: FakeClock
) -> None:
    job_id = start(send).json["id"]
    queue.sent.clear()
    start(send)
    assert queue.sent == []
    wall.now += 61
    start(send)
    assert queue.sent == [job_id]


def test_a_job_that_outlived_its_hours_is_in_nobodys_way(send: Send, wall: FakeClock) -> None:
    start(send)
    wall.now += 6 * 3600 + 121
    assert send("POST", "/generate", FOX).status == 200


def test_a_job_does_not_wait_where_that_would_pay_for_a_withheld_image_again(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {
        42: {"finish_reasons": ["Filter reason: output image"]},
        43: BedrockError("ThrottlingException", ""),
    }
    job_id = start(send, {"model": "core", "number_of_images": 3}).json["id"]

    assert work(job_id)

    assert [call.body["seed"] for call in bedrock.calls].count(42) == 1
    details = look(send, job_id).json["result"]["details"]
    assert [detail["status"] for detail in details] == ["blocked", "failed", "stored"]


class TestUnderACap:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.1"}

    def test_a_job_that_cannot_be_finished_delivers_what_was_paid_for(self, send: Send, bedrock: FakeBedrock) -> None:
        bedrock.by_seed = {43: BedrockError("ThrottlingException", "")}
        job_id = start(send, {"model": "core"}).json["id"]
        assert not work(job_id)
        bedrock.by_seed = {}
        assert send("POST", "/generate", {"text": "another", "model": "core"}).status == 200

        assert work(job_id)

        job = look(send, job_id).json
        assert (job["status"], job["result"]["message"]) == ("succeeded", "1 of 2 images generated")
        assert "cap on spend" in job["result"]["details"][1]["reason"]
        assert send("GET", "/usage").json["spent_usd"] == 0.08

    @pytest.mark.parametrize("are_there", [0, 1])
    def test_a_job_waits_while_the_budget_is_only_held(
        self, send: Send, bedrock: FakeBedrock, counters: FakeCounters, are_there: int
    ) -> None:
        job_id = start(send, {"model": "core"}).json["id"]
        if are_there:
            bedrock.by_seed = {43: BedrockError("ThrottlingException", "")}
            assert not work(job_id)
            bedrock.by_seed = {}
        spending = bootstrap.spending()
        hold = spending.hold(ANOTHER, "somebody's", 60_000, Deadline.after(100))
        for _ in range(MAX_ATTEMPTS + 1):
            assert not work(job_id)
            assert look(send, job_id).json["status"] == "queued"

        spending.settle(hold, Bill(10_000, 1))
        assert work(job_id)

        assert look(send, job_id).json["result"]["message"] == "Images generated successfully"
        assert all(account.holds == {} for account in counters.accounts.values())

    def test_a_job_fails_where_the_budget_is_spent(self, send: Send) -> None:
        assert send("POST", "/generate", {"text": "another", "model": "core", "number_of_images": 2}).status == 200
        job_id = start(send, {"model": "core"}).json["id"]
        assert work(job_id)
        assert look(send, job_id).json["problem"]["code"] == "budget_exhausted"
