"""However often a request is retried, its images are paid once; failed requests can be retried."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

import bootstrap
from aws import bedrock, clients
from imaging.deadline import Deadline
from imaging.generations import Delivery
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from tests.e2e.laptop import Emulator, Stack, eventually
from tests.e2e.test_jobs import ASYNC, ended

_CACHES = [
    bedrock._client,  # noqa: SLF001 - it keeps the endpoint that it was made with
    *(part for module in (bootstrap, clients) for part in vars(module).values() if hasattr(part, "cache_clear")),
]


def test_a_retry_returns_the_generation_that_outlasted_the_gateway(
    api: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any]
) -> None:
    emulator.configure(latency_ms=31_000)
    before = stack.keys()

    with ThreadPoolExecutor() as pool:
        openais = pool.submit(api.post, "/v1/images/generations", json={"prompt": documented["text"], "seed": 7})
        cut = api.post("/generate", json=documented)
    collected = api.post("/generate", json=documented)

    assert (cut.status_code, cut.headers["content-type"]) == (504, "application/problem+json")
    assert (openais.result().status_code, openais.result().headers["content-type"]) == (504, "application/json")
    assert cut.json()["code"] == "timed_out"
    assert "same request again" in cut.json()["detail"]
    assert (collected.status_code, collected.headers["idempotent-replayed"]) == (200, "true")
    assert httpx.get(collected.json()["images"][0], trust_env=False).status_code == 200
    assert [call["images"] for call in emulator.calls()] == [1, 1]
    assert eventually(lambda: len(stack.keys() - before) == 2)


def test_sixteen_requests_at_once_with_one_key_make_one_generation(
    api: httpx.Client, emulator: Emulator, documented: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}

    def collected(_: int) -> httpx.Response:
        """Send the request until it is answered, as clients do after a gateway time-out."""
        answer = eventually(lambda: _if_whole(api.post("/generate", json=documented, headers=headers)), seconds=120)
        assert answer is not None
        return answer

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(collected, range(16)))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [call["images"] for call in emulator.calls()] == [1]
    assert sum("idempotent-replayed" in answer.headers for answer in answers) >= 15


def _if_whole(answer: httpx.Response) -> httpx.Response | None:
    assert answer.status_code in {200, 409, 504}, answer.text
    return answer if answer.status_code == 200 else None


@pytest.fixture
def inside(stack: Stack, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Make this process an execution environment of ApiFunction."""
    configuration = stack.client("lambda").get_function_configuration(FunctionName=stack.function)
    description = stack.description
    environment = configuration["Environment"]["Variables"] | {
        "AWS_ENDPOINT_URL": description["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": description["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": description["aws_secret_access_key"],
        "NO_PROXY": "127.0.0.1,localhost",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield emulator
    _forget()


def test_fifty_callers_at_once_with_one_key_make_one_generation(inside: Emulator, documented: dict[str, Any]) -> None:
    request = GenerationRequest.model_validate(documented)
    submission = Submission.keyed(request, caller="0123456789abcdef", key=str(uuid.uuid4()))
    generations = bootstrap.services().generations

    def generate(_: int) -> Delivery:
        return generations.run(submission, Deadline.after(120), wait_seconds=25)

    with ThreadPoolExecutor(50) as pool:
        deliveries = list(pool.map(generate, range(50)))

    assert {delivery.generation.id for delivery in deliveries} == {submission.generation_id}
    assert {len(delivery.generation.stored) for delivery in deliveries} == {1}
    assert [call["images"] for call in inside.calls()] == [1]
    assert sum(delivery.replayed for delivery in deliveries) == 49


@pytest.mark.parametrize("action", ["dynamodb:PutItem", "dynamodb:UpdateItem"])
def test_nothing_is_paid_without_the_table_and_a_retry_works(
    api: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any], action: str
) -> None:
    with stack.denied("ApiRole", action):
        refused = api.post("/generate", json=documented)

    assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
    assert emulator.calls() == []
    answer = api.post("/generate", json=documented)
    assert answer.status_code == 200
    assert answer.json()["warnings"] == []
    assert httpx.get(answer.json()["images"][0], trust_env=False).status_code == 200


def test_images_that_the_bucket_refuses_are_paid_once_and_a_retry_makes_new_ones(
    api: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any]
) -> None:
    with stack.denied("ApiRole", "s3:PutObject"):
        refused = api.post("/generate", json=documented)
    again = api.post("/generate", json=documented)

    for answer in (refused, again):
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_failed")
    assert [call["images"] for call in emulator.calls()] == [1]
    assert api.post("/generate", json=documented, headers={"Cache-Control": "no-cache"}).status_code == 200


def test_a_job_that_the_queue_refuses_is_an_error_and_a_retry_works(
    api: httpx.Client, stack: Stack, emulator: Emulator, documented: dict[str, Any]
) -> None:
    with stack.denied("ApiRole", "sqs:SendMessage"):
        refused = api.post("/generate", json=documented, headers=ASYNC)

    assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
    assert "AccessDenied" in refused.json()["aws_error"]
    assert emulator.calls() == []
    assert ended(api, api.post("/generate", json=documented, headers=ASYNC))["status"] == "succeeded"
    assert [call["images"] for call in emulator.calls()] == [1]


def _forget() -> None:
    for cache in _CACHES:
        cache.cache_clear()
