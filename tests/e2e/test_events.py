"""Each generation sends an event, without its prompt."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.e2e.laptop import Emulator, Stack, eventually
from tests.e2e.test_jobs import ASYNC, ended

TITAN = "amazon.titan-image-generator-v2:0"


@dataclass(frozen=True)
class Listener:
    """A queue that receives our events by a rule."""

    stack: Stack
    url: str

    def hears(self, generation_id: str) -> dict[str, Any]:
        """Return the event of that generation, and drop others."""
        return eventually(lambda: next((event for event in self._take() if event["detail"]["id"] == generation_id), {}))

    def _take(self) -> list[dict[str, Any]]:
        messages = self.stack.client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


@pytest.fixture
def listener(stack: Stack) -> Iterator[Listener]:
    name = f"listener-{uuid.uuid4()}"
    sqs, events = stack.client("sqs"), stack.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["text-to-image-api"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    yield Listener(stack, url)
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=url)


@pytest.mark.parametrize("preference", [{}, ASYNC], ids=["now", "later"])
def test_a_generation_is_announced_without_its_prompt(
    api: httpx.Client, stack: Stack, listener: Listener, documented: dict[str, Any], preference: dict[str, str]
) -> None:
    answer = api.post("/generate", json=documented | {"number_of_images": 2}, headers=preference)
    generation = ended(api, answer)["result"] if preference else answer.json()

    event = listener.hears(generation["id"])

    assert (event["source"], event["detail-type"]) == ("text-to-image-api", "Generation Completed")
    detail = event["detail"]
    assert (detail["model"], detail["cost_usd"], detail["missing"]) == (TITAN, generation["cost_usd"], 0)
    assert detail["duration_seconds"] > 0
    images = [image["id"] for image in generation["details"]]
    assert [image["id"] for image in detail["images"]] == images
    assert [image["key"] for image in detail["images"]] == [f"generated_images/{image}.png" for image in images]
    assert detail["stack"] == stack.description["stack_name"]
    assert documented["text"] not in json.dumps(event)


def test_a_failure_is_announced_with_its_code(
    api: httpx.Client, emulator: Emulator, listener: Listener, documented: dict[str, Any]
) -> None:
    emulator.configure(block={"prompt_contains": documented["text"]})

    job = ended(api, api.post("/generate", json=documented, headers=ASYNC))

    event = listener.hears(job["id"])
    assert (event["detail-type"], event["detail"]["code"]) == ("Generation Failed", "content_blocked")
    assert documented["text"] not in json.dumps(event)


def test_a_failing_event_bus_never_fails_a_generation(
    api: httpx.Client, stack: Stack, listener: Listener, documented: dict[str, Any]
) -> None:
    with stack.denied("ApiRole", "events:PutEvents"):
        silent = api.post("/generate", json=documented)
    loud = api.post("/generate", json=documented | {"seed": 7})

    assert (silent.status_code, silent.json()["warnings"]) == (200, [])
    assert httpx.get(silent.json()["images"][0], trust_env=False).status_code == 200
    assert listener.hears(loud.json()["id"])["detail"]["images"]
    assert api.post("/generate", json=documented).headers["idempotent-replayed"] == "true"
