"""From the event to the stored PNG, with moto and the emulator as AWS."""

import json
from typing import Any

import boto3
import httpx
import pytest

from api.app import lambda_handler
from imaging.images import png
from tests.fakes.lambda_runtime import FakeContext, event, http_event
from tests.integration.conftest import BUCKET

pytestmark = pytest.mark.usefixtures("aws")


def send(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = lambda_handler(http_event("POST", "/generate", json.dumps(body)), FakeContext())
    return answer["statusCode"], json.loads(answer["body"])


def stored() -> dict[str, bytes]:
    s3 = boto3.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def test_the_event_file_makes_one_call_and_one_png(control: httpx.Client) -> None:
    answer = lambda_handler(event("api-gateway"), FakeContext())

    assert answer["statusCode"] == 200
    (data,) = stored().values()
    assert png.dimensions(data) == (1024, 1024)
    (call,) = control.get("/_control/calls").json()
    assert (call["model"], call["status"], call["images"]) == ("amazon.titan-image-generator-v2:0", 200, 1)


def test_when_titan_is_retired_core_answers_exactly_as_asked(control: httpx.Client) -> None:
    control.post("/_control", json={"retired": ["amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"]})

    status, body = send({"text": "a fox", "width": 800, "height": 600, "number_of_images": 2})

    assert (status, body["model"]) == (200, "stability.stable-image-core-v1:1")
    assert [warning["code"] for warning in body["warnings"]] == ["model_fell_through"]
    assert {png.dimensions(data) for data in stored().values()} == {(800, 600)}
    assert body["cost_usd"] == 0.08


@pytest.mark.parametrize("model", ["titan", "canvas", "core", "ultra", "sd3.5"])
def test_every_model_takes_what_we_send(model: str) -> None:
    status, body = send(
        {
            "text": "a fox in the snow ❄️",
            "model": model,
            "width": 777,
            "height": 1001,
            "number_of_images": 2,
            "cfg_scale": 20,
            "negative_text": "rain",
            "seed": 2147483646,
        }
    )
    assert status == 200, body
    assert {png.dimensions(data) for data in stored().values()} == {(777, 1001)}


@pytest.mark.parametrize("model", ["titan", "canvas", "core"])
def test_a_forbidden_prompt_is_refused_in_each_familys_way(control: httpx.Client, model: str) -> None:
    control.post("/_control", json={"block": {"prompt_contains": "forbidden"}})

    status, body = send({"text": "something forbidden", "model": model})

    assert (status, body["code"]) == (400, "content_blocked")
    assert stored() == {}


@pytest.mark.parametrize("model", ["titan", "core"])
@pytest.mark.parametrize("fault", ["not_png", "truncated_png", "inference_error"])
def test_nothing_corrupt_is_stored(control: httpx.Client, model: str, fault: str) -> None:
    control.post("/_control", json={"faults": [{"model": "*", "error": fault}]})

    status, body = send({"text": "a fox", "model": model})

    assert (status, body["code"]) == (502, "model_error")
    assert stored() == {}


@pytest.mark.parametrize("model", ["titan", "core"])
def test_the_second_of_four_withheld_leaves_three_at_their_places(control: httpx.Client, model: str) -> None:
    control.post("/_control", json={"block": {"output_index": 1}})

    status, body = send({"text": "a fox", "model": model, "number_of_images": 4, "seed": 7})

    assert (status, body["message"]) == (200, "3 of 4 images generated")
    assert len(stored()) == 3
    seeds = [detail["seed"] for detail in body["details"]]
    assert seeds == ([7, 8, 9, 10] if model == "core" else [7, 7, 7, 7])


def test_a_bucket_that_is_gone_is_storage_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.making.model_run.STORE_RETRY_SECONDS", ())
    boto3.client("s3").delete_bucket(Bucket=BUCKET)
    status, body = send({"text": "a fox"})
    assert (status, body["code"], body["aws_error"]) == (503, "storage_failed", "NoSuchBucket")


def test_the_same_request_again_calls_no_model(control: httpx.Client) -> None:
    first = lambda_handler(event("api-gateway"), FakeContext())
    second = lambda_handler(event("api-gateway"), FakeContext())

    assert second["multiValueHeaders"]["Idempotent-Replayed"] == ["true"]
    assert json.loads(first["body"])["id"] == json.loads(second["body"])["id"]
    assert len(control.get("/_control/calls").json()) == len(stored()) == 1


@pytest.mark.parametrize("model", ["titan", "core"])
def test_a_guardrail_refuses_a_prompt_and_is_named(
    control: httpx.Client, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    for name, value in {"ID": "abc", "VERSION": "1", "REGION": "us-west-2"}.items():
        monkeypatch.setenv(f"GUARDRAIL_{name}", value)
    guardrail = {"region": "us-west-2", "prompt_contains": "forbidden", "at": "output"}
    control.post("/_control", json={"guardrails": {"abc": guardrail}})

    status, body = send({"text": "something forbidden", "model": model})
    assert (status, body["code"]) == (400, "content_blocked")
    assert "the guardrail abc refused" in body["detail"].lower()
    assert send({"text": "a fox", "model": model})[0] == 200
    # Nova Canvas does not live where the guardrail is.
    assert send({"text": "a fox", "model": "canvas"})[1]["code"] == "model_unavailable"
    assert len(control.get("/_control/calls").json()) == 2
