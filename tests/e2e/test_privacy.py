"""What the deployed stack keeps of prompts, keys and links, and what `make erase` leaves of a caller."""

import hashlib
import json
import os
import subprocess
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.laptop import PROJECT, Emulator, Stack, eventually
from tests.e2e.test_events import Listener, listener
from tests.e2e.test_jobs import ASYNC, ended

__all__ = ["listener"]


def items(stack: Stack) -> list[dict[str, Any]]:
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.description["table"])
    return [item for page in pages for item in page["Items"]]


def messages(stack: Stack, url: str) -> list[Any]:
    received = stack.client("sqs").receive_message(
        QueueUrl=stack.description[url], MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return list(received.get("Messages", []))


def logs(stack: Stack) -> str:
    """All lines of all functions, in MiniStack's CloudWatch Logs and in the files of the stack's processes."""
    client = stack.client("logs")
    groups = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    lines = [event["message"] for group in groups for event in client.filter_log_events(logGroupName=group)["events"]]
    files = [file.read_text(errors="replace") for file in stack.folder.rglob("*.log")]
    return "\n".join([*lines, *files])


def metadata(stack: Stack) -> list[Any]:
    bucket, stored = stack.description["bucket"], stack.keys()
    return [stack.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"] for key in stored]


def caller(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def test_nothing_of_a_request_is_left_but_its_images(
    api: httpx.Client, stack: Stack, emulator: Emulator, listener: Listener
) -> None:
    mark = uuid.uuid4().hex
    body = {"text": f"prompt-{mark}", "negative_text": f"negative-{mark}", "number_of_images": 2}
    key = {"idempotency-key": f"key-{mark}"}

    with stack.worker_paused():
        waiting = api.post("/generate", json=body | {"seed": 1}, headers=ASYNC)
        (kept,) = [item for item in items(stack) if mark in str(item)]
        assert kept["id"]["S"] == f"generation#{waiting.json()['id']}"
        assert mark not in str(messages(stack, "queue_url"))
        cancelled = api.post("/generate", json=body | {"seed": 2}, headers=ASYNC)
        api.delete(f"/jobs/{cancelled.json()['id']}").raise_for_status()
    made = api.post("/generate", json=body, headers=key)
    job = ended(api, waiting)
    emulator.configure(block={"prompt_contains": mark})
    blocked = api.post("/generate", json=body | {"seed": 3})
    emulator.configure(faults=[{"model": "*", "error": "ModelErrorException", "rate": 1}])
    failed = api.post("/generate", json=body | {"seed": 4})
    refused = api.post("/generate", json=body | {"width": mark})

    answers = (made, blocked, failed, refused)
    assert [answer.status_code for answer in answers] == [200, 400, 502, 400]
    assert job["status"] == "succeeded"
    event = listener.hears(made.json()["id"])
    links = [url.partition("?")[2] for url in made.json()["images"]]
    markers = [mark, stack.description["api_key"], *links]
    places = {
        "the table": str(items(stack)),
        "the queue": str(messages(stack, "queue_url")),
        "the dead letters": str(messages(stack, "dead_letter_queue_url")),
        "an event": json.dumps(event),
        "the logs": logs(stack),
        "the bucket": str(metadata(stack)),
    }
    assert made.json()["id"] in places["the logs"]
    assert [(place, marker) for place, text in places.items() for marker in markers if marker in text] == []


def erase(stack: Stack, **whose: str) -> subprocess.CompletedProcess[str]:
    access = {
        "AWS_ENDPOINT_URL": stack.description["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": stack.description["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": stack.description["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": stack.description["region"],
        "NO_PROXY": "127.0.0.1,localhost",
    }
    variables = [f"{name}={value}" for name, value in whose.items()]
    return subprocess.run(  # noqa: S603 - our own command
        ["make", "--no-print-directory", "erase", f"STACK={stack.description['stack_name']}", *variables],  # noqa: S607
        cwd=PROJECT,
        env=os.environ | access,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_everything_of_a_key_is_erased_with_one_command(
    api: httpx.Client, stack: Stack, another_key: Callable[..., str], documented: dict[str, Any]
) -> None:
    theirs = api.post("/generate", json=documented).json()["details"][0]["id"]
    key = another_key()
    api.headers["x-api-key"] = key
    made = api.post("/generate", json=documented | {"output_format": "webp", "number_of_images": 2}).json()
    job = ended(api, api.post("/generate", json=documented | {"seed": 7}, headers=ASYNC))
    with stack.worker_paused():
        waiting = api.post("/generate", json=documented | {"seed": 8}, headers=ASYNC).json()["id"]
        keys = stack.client("apigateway").get_api_keys(includeValues=True)["items"]
        key_id = next(each["id"] for each in keys if each["value"] == key)
        too_early = erase(stack, KEY_ID=key_id)
        disable = {"op": "replace", "path": "/enabled", "value": "false"}
        stack.client("apigateway").update_api_key(apiKey=key_id, patchOperations=[disable])
        done = erase(stack, KEY_ID=key_id)

    assert (too_early.returncode, done.returncode) == (2, 0), too_early.stderr + done.stderr
    assert "Disable it first" in too_early.stderr
    assert "Erased 3 images and 3 generations" in done.stdout
    left = [item for item in items(stack) if caller(key) in str(item)]
    assert [item["id"]["S"].split("#")[0] for item in left] == ["spend"]
    assert int(left[0]["spent"]["N"]) > 0
    images = [detail["id"] for detail in (*made["details"], *job["result"]["details"])]
    stored = stack.keys()
    assert [name for name in stored for image in images if image in name] == []
    assert f"generated_images/{theirs}.png" in stored
    (stub,) = [item for item in items(stack) if waiting in str(item)]
    assert documented["text"] not in str(stub)
    eventually(lambda: not messages(stack, "queue_url"))
    assert messages(stack, "dead_letter_queue_url") == []
    assert erase(stack, CALLER=caller(key)).stdout.startswith("Erased 0 images and 0 generations")


@pytest.mark.parametrize("whose", [{}, {"KEY_ID": "a", "CALLER": "b"}])
def test_it_says_what_it_needs(stack: Stack, whose: dict[str, str]) -> None:
    assert "make erase STACK=" in erase(stack, **whose).stderr
