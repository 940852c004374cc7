"""A successor that this release does not know, on a running stack: listed by parameters, called under the role."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.laptop import Emulator, Stack, eventually, start

SUCCESSOR = "stability.stable-image-core-v2:0"
PARAMETERS = (
    f"MoreModels=arn:aws:bedrock:us-west-2::foundation-model/{SUCCESSOR}=core "
    f"StandardModels={SUCCESSOR},core ModelPrices={SUCCESSOR}=0.05"
)


@pytest.fixture(scope="module")
def with_a_successor(stack: Stack) -> Iterator[Stack]:
    yield start(stack.folder, "--parameters", PARAMETERS)
    start(stack.folder)


@pytest.fixture
def client(with_a_successor: Stack) -> Iterator[httpx.Client]:
    described = with_a_successor.description
    headers = {"x-api-key": described["api_key"]}
    with httpx.Client(base_url=described["api_url"], headers=headers, timeout=60, trust_env=False) as client:
        yield client


def test_it_makes_the_images_of_requests_and_jobs_and_is_paid_at_its_price(
    client: httpx.Client, with_a_successor: Stack
) -> None:
    emulator = Emulator(with_a_successor.description["bedrock_url"])
    spent = client.get("/usage").json()["spent_usd"]
    answer = client.post("/generate", json={"text": f"a fox {uuid.uuid4()}"}).json()
    assert (answer["model"], answer["cost_usd"], answer["warnings"]) == (SUCCESSOR, 0.05, [])
    order = {"text": f"a fox {uuid.uuid4()}", "model": SUCCESSOR}
    job = client.post("/generate", json=order, headers={"Prefer": "respond-async"}).json()
    done = eventually(lambda: _ended(client, job["id"]))
    assert (done["status"], done["result"]["model"]) == ("succeeded", SUCCESSOR)
    assert [call["model"] for call in emulator.calls()] == [SUCCESSOR, SUCCESSOR]
    assert round(client.get("/usage").json()["spent_usd"] - spent, 6) == 0.1


def _ended(client: httpx.Client, job: str) -> dict[str, Any] | None:
    found: dict[str, Any] = client.get(f"/jobs/{job}").json()
    return found if found["status"] not in {"queued", "running"} else None


def test_it_is_listed_checked_and_watched(client: httpx.Client, with_a_successor: Stack) -> None:
    Emulator(with_a_successor.description["bedrock_url"]).configure(lifecycle={SUCCESSOR: {"status": "LEGACY"}})
    name = with_a_successor.description["functions"]["AuditorFunction"]
    audited = with_a_successor.client("lambda").invoke(FunctionName=name)
    assert "FunctionError" not in audited, json.load(audited["Payload"])
    (told,) = [model for model in client.get("/models").json()["models"] if model["id"] == SUCCESSOR]
    assert (told["lists"], told["price_usd"], told["lifecycle"]["observed"]["status"]) == (["standard"], 0.05, "LEGACY")
    assert SUCCESSOR in {model["id"] for model in client.get("/v1/models").json()["data"]}
    assert SUCCESSOR in {part["name"] for part in client.get("/health?deep=true").json()["checks"]}


def test_another_release_of_it_is_refused(client: httpx.Client) -> None:
    answer = client.post("/generate", json={"text": "a fox", "model": "stability.stable-image-core-v3:0"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
