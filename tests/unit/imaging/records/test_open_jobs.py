"""The cap on an owner's unfinished jobs: counted exactly, however they end."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from aws.bedrock import BedrockError
from bootstrap import Services
from imaging.errors import TooManyJobs
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.lambda_runtime import CALLER
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import LEASE_SECONDS, killed_after, sweep, work

CAP = 2
ANOTHER = "fedcba9876543210"
ASYNC = {"prefer": "respond-async"}
HOUR = 3600


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"OPEN_JOBS_PER_KEY": str(CAP)}


@pytest.fixture
def bedrock() -> FakeBedrock:
    """Its pictures need no fitting, which takes time."""
    return FakeBedrock(ratio_size=(1024, 1024))


def start(send: Send, seed: int, caller: str = CALLER, **body: object) -> Answer:
    return send("POST", "/generate", {"text": "a fox", "seed": seed, **body}, caller=caller, **ASYNC)


def started(send: Send, seed: int, **body: object) -> str:
    answer = start(send, seed, CALLER, **body)
    assert answer.status == 202
    return str(answer.json["id"])


def opened(table: FakeTable, owner: str = CALLER) -> int:
    return int(table.records[f"jobs#{owner}"]["open"])


def fill(send: Send) -> list[str]:
    return [started(send, seed) for seed in range(1, CAP + 1)]


def test_one_job_too_many_is_refused_and_pays_nothing(
    send: Send, bedrock: FakeBedrock, queue: FakeQueue, table: FakeTable
) -> None:
    jobs = fill(send)
    answer = start(send, 9)

    assert (answer.status, answer.json["code"]) == (429, "too_many_jobs")
    assert int(answer.headers["retry-after"]) > 0
    assert "OpenJobsPerKey" in answer.json["detail"]
    assert (queue.sent, bedrock.calls, opened(table)) == (jobs, [], CAP)
    assert send("GET", f"/jobs/{jobs[0]}").json["status"] == "queued"


def test_it_stands_in_nobody_elses_way(send: Send) -> None:
    jobs = fill(send)
    assert start(send, 9, ANOTHER).status == 202
    assert start(send, 1).json["id"] == jobs[0]
    assert send("POST", "/generate", {"text": "a fox", "seed": 9}).status == 200


def test_a_synchronous_request_that_becomes_a_job_counts(send: Send, bedrock: FakeBedrock, table: FakeTable) -> None:
    answers: list[Answer] = []
    for _ in range(2):
        bedrock.meanwhile.append(lambda: answers.append(start(send, 9)))
    assert send("POST", "/generate", {"text": "a fox", "seed": 9}).status == 200
    assert (answers[0].status, opened(table)) == (202, 0)


def test_a_synchronous_request_does_not_become_one_job_too_many(
    send: Send, bedrock: FakeBedrock, table: FakeTable
) -> None:
    fill(send)
    answers: list[Answer] = []
    bedrock.meanwhile.append(lambda: answers.append(start(send, 9)))
    assert send("POST", "/generate", {"text": "a fox", "seed": 9}).status == 200
    assert (answers[0].json["code"], opened(table)) == ("too_many_jobs", CAP)


def test_a_job_that_succeeds_fails_or_is_cancelled_makes_room(
    send: Send, bedrock: FakeBedrock, table: FakeTable
) -> None:
    done, failed = fill(send)
    assert work(done)
    bedrock.refuse("ValidationException")
    assert work(failed)
    assert opened(table) == 0

    cancelled = started(send, 7)
    for _ in range(2):
        send("DELETE", f"/jobs/{cancelled}")
    assert opened(table) == 0


def test_a_job_that_waits_still_counts(send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock) -> None:
    job_id = started(send, 1, model="core")
    bedrock.enqueue(BedrockError("ThrottlingException"))
    assert not work(job_id)
    assert opened(table) == 1
    wall.advance(121)
    assert work(job_id)
    assert work(job_id)
    assert opened(table) == 0


def test_a_job_that_the_queue_refuses_is_not_counted(send: Send, queue: FakeQueue, table: FakeTable) -> None:
    queue.refusals = ["AccessDenied"]
    assert start(send, 1).status == 503
    assert opened(table) == 0
    fill(send)


def test_a_crash_and_the_sweeper_make_room(send: Send, bucket: FakeBucket, table: FakeTable, wall: FakeClock) -> None:
    crashed, waits = fill(send)
    with killed_after(0, bucket, "put"):
        work(crashed)
    assert opened(table) == CAP
    wall.advance(LEASE_SECONDS + 6 * HOUR)
    sweep()
    assert {send("GET", f"/jobs/{job}").json["status"] for job in (crashed, waits)} == {"failed"}
    assert opened(table) == 0


def test_a_lost_answer_of_the_table_is_counted_once(send: Send, table: FakeTable) -> None:
    table.lost_answers = ["ReadTimeoutError"]
    job_id = started(send, 1)
    assert opened(table) == 1
    table.lost_answers = ["ReadTimeoutError"]
    send("DELETE", f"/jobs/{job_id}")
    assert opened(table) == 0


def test_a_malformed_job_makes_room_at_its_deadline(send: Send, table: FakeTable, wall: FakeClock) -> None:
    job_id = started(send, 1)
    table.records[f"generation#{job_id}"] = {**table.records[f"generation#{job_id}"], "calls": 7}
    wall.advance(301)
    assert (sweep(), opened(table)) == (1, 1)
    wall.advance(6 * HOUR)
    assert (sweep(), opened(table)) == (1, 0)
    assert (sweep(), opened(table)) == (0, 0)


def test_a_job_of_an_older_version_is_not_counted(send: Send, table: FakeTable) -> None:
    job_id = started(send, 1)
    key = f"generation#{job_id}"
    table.records[key] = {name: value for name, value in table.records[key].items() if name != "is_open"}
    before = opened(table)
    assert work(job_id)
    assert opened(table) == before


def test_many_requests_at_once_cannot_exceed_it(services: Services, table: FakeTable) -> None:
    def ask(seed: int) -> bool:
        request = GenerationRequest(text="a fox", seed=seed)
        try:
            services.generations.enqueue(Submission.unique(request, CALLER))
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(ask, range(40)))
    assert (sum(accepted), opened(table)) == (CAP, CAP)
