"""Jobs: accepted, made by the worker, polled, cancelled."""

import io
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.laptop import Emulator, Stack, eventually

TITAN = "amazon.titan-image-generator-v2:0"
ASYNC = {"Prefer": "respond-async"}


def test_a_job_is_accepted_made_and_collected(api: httpx.Client, documented: dict[str, Any]) -> None:
    accepted = api.post("/generate", json=documented | {"number_of_images": 2}, headers=ASYNC)

    assert accepted.status_code == 202
    assert accepted.headers["preference-applied"] == "respond-async"
    assert int(accepted.headers["retry-after"]) > 0
    assert documented["text"] not in accepted.text
    job = ended(api, accepted)
    assert (job["status"], job["attempts"], job["problem"]) == ("succeeded", 1, None)
    assert (job["id"], job["links"]["self"]) == (accepted.json()["id"], accepted.headers["location"])
    assert job["result"]["id"] == job["id"]
    assert len(job["result"]["images"]) == 2
    for link, detail in zip(job["result"]["images"], job["result"]["details"], strict=True):
        _assert_whole_png(link, detail["bytes"])


@pytest.mark.parametrize("keyed", [False, True], ids=["by its body", "by a key"])
def test_the_same_request_afterwards_calls_no_model(
    api: httpx.Client, emulator: Emulator, documented: dict[str, Any], *, keyed: bool
) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())} if keyed else {}
    job = ended(api, api.post("/generate", json=documented, headers=ASYNC | headers))

    for again in ({}, ASYNC):
        answer = api.post("/generate", json=documented, headers=headers | again)
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
        assert answer.json()["id"] == job["id"]
        assert httpx.get(answer.json()["images"][0], trust_env=False).status_code == 200
    assert len(emulator.calls()) == 1


@pytest.mark.parametrize("preference", [{}, ASYNC], ids=["now", "later"])
def test_a_jobs_key_is_refused_with_another_body(
    api: httpx.Client, emulator: Emulator, documented: dict[str, Any], preference: dict[str, str]
) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    ended(api, api.post("/generate", json=documented, headers=ASYNC | key))

    refused = api.post("/generate", json=documented | {"seed": 7}, headers=key | preference)

    assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
    assert len(emulator.calls()) == 1


def test_a_request_that_does_not_wait_gets_the_jobs_location(
    api: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any]
) -> None:
    with stack.worker_paused():
        accepted = api.post("/generate", json=documented, headers=ASYNC)
        again = api.post("/generate", json=documented, headers=ASYNC)
        refused = api.post("/generate", json=documented, headers={"Prefer": "wait=0"})

    assert (again.status_code, again.headers["location"]) == (202, accepted.headers["location"])
    assert (refused.status_code, refused.json()["code"]) == (409, "in_progress")
    assert refused.headers["location"] == accepted.headers["location"]
    assert int(refused.headers["retry-after"]) > 0
    assert ended(api, accepted)["status"] == "succeeded"
    assert len(emulator.calls()) == 1


def test_a_queued_job_can_be_cancelled_and_is_never_made(
    api: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any]
) -> None:
    with stack.worker_paused():
        where = api.post("/generate", json=documented, headers=ASYNC).headers["location"]
        cancelled = api.delete(where)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    eventually(lambda: _is_drained(stack))
    assert api.get(where).json()["status"] == "cancelled"
    assert emulator.calls() == []


def test_a_finished_job_cannot_be_cancelled(api: httpx.Client, documented: dict[str, Any]) -> None:
    accepted = api.post("/generate", json=documented, headers=ASYNC)
    ended(api, accepted)

    refused = api.delete(accepted.headers["location"])

    assert (refused.status_code, refused.json()["code"]) == (409, "not_cancellable")


def test_another_keys_job_is_not_found(
    api: httpx.Client, another_key: Callable[..., str], documented: dict[str, Any]
) -> None:
    accepted = api.post("/generate", json=documented, headers=ASYNC)
    foreign = {"x-api-key": another_key()}

    for method in ("GET", "DELETE"):
        answer = api.request(method, accepted.headers["location"], headers=foreign)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert ended(api, accepted)["status"] == "succeeded"


def test_a_foreign_message_goes_to_the_dead_letters_and_jobs_continue(
    api: httpx.Client, stack: Stack, documented: dict[str, Any]
) -> None:
    strangers = {"not a job", str(uuid.uuid4()), '{"job": 1}'}
    with stack.worker_paused():
        for text in sorted(strangers):
            stack.client("sqs").send_message(QueueUrl=stack.description["queue_url"], MessageBody=text)
        accepted = api.post("/generate", json=documented, headers=ASYNC)

    assert ended(api, accepted)["status"] == "succeeded"
    put_aside: set[str] = set()

    def all_put_aside() -> bool:
        put_aside.update(_dead_letters(stack))
        return strangers <= put_aside

    eventually(all_put_aside)
    eventually(lambda: _is_drained(stack))


def test_a_job_waits_for_a_throttled_model_instead_of_paying_another(
    api: httpx.Client, emulator: Emulator, documented: dict[str, Any]
) -> None:
    emulator.configure(faults=[{"model": TITAN, "error": "ThrottlingException", "times": 4}])

    job = ended(api, api.post("/generate", json=documented, headers=ASYNC))

    assert (job["status"], job["attempts"]) == ("succeeded", 2)
    assert (job["result"]["model"], job["result"]["warnings"]) == (TITAN, [])
    assert [(call["model"], call["images"]) for call in emulator.calls()] == [(TITAN, 0)] * 4 + [(TITAN, 1)]


def test_a_job_that_every_model_refuses_fails_with_the_cause(
    api: httpx.Client, emulator: Emulator, documented: dict[str, Any]
) -> None:
    emulator.configure(block={"prompt_contains": documented["text"]})

    job = ended(api, api.post("/generate", json=documented, headers=ASYNC))

    assert (job["status"], job["result"]) == ("failed", None)
    assert (job["problem"]["status"], job["problem"]["code"]) == (400, "content_blocked")
    assert documented["text"] not in str(job)


def test_a_job_that_the_bucket_refuses_pays_once_and_fails(
    api: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any]
) -> None:
    with stack.denied("WorkerRole", "s3:PutObject"):
        job = ended(api, api.post("/generate", json=documented, headers=ASYNC))

    assert (job["status"], job["attempts"], job["problem"]["code"]) == ("failed", 1, "storage_failed")
    assert [call["images"] for call in emulator.calls()] == [1]


def look(api: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    answer = api.get(accepted.headers["location"])
    assert answer.status_code == 200
    job: dict[str, Any] = answer.json()
    return job


def ended(api: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    """Poll until the job is over, and return it."""
    assert accepted.status_code == 202, accepted.text

    def over() -> dict[str, Any] | None:
        job = look(api, accepted)
        return None if job["status"] in {"queued", "running"} else job

    job = eventually(over, seconds=60)
    assert job is not None
    return job


def _is_drained(stack: Stack) -> bool:
    counts = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.description["queue_url"],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return set(counts.values()) == {"0"}


def _dead_letters(stack: Stack) -> list[str]:
    """Receive the messages in the dead-letter queue."""
    sqs, url = stack.client("sqs"), stack.description["dead_letter_queue_url"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in messages]


def _assert_whole_png(link: str, size: int) -> None:
    download = httpx.get(link, trust_env=False)
    assert (download.status_code, len(download.content)) == (200, size)
    with Image.open(io.BytesIO(download.content)) as image:
        image.load()
        assert image.format == "PNG"
