"""Configured faults."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from PIL import Image

from local.emulator.testing import running_emulator
from tests.integration.emulator.front_door import (
    CANVAS,
    CORE,
    EVERY_MODEL,
    PROFILE,
    STABILITY,
    TITAN,
    Emulator,
    decoded,
    opened,
    smallest,
)

EXCEPTIONS = {
    "AccessDeniedException": (403, "You don't have access to the model with the specified model ID."),
    "InternalServerException": (500, "The system encountered an unexpected error during processing."),
    "ModelErrorException": (424, "The request failed due to an error while processing the model."),
    "ModelNotReadyException": (429, "The model specified in the request is not ready"),
    "ModelTimeoutException": (408, "Model has timed out in processing the request."),
    "ResourceNotFoundException": (404, "This model version has reached the end of its life."),
    "ServiceQuotaExceededException": (400, "Your request exceeds the service quota for your account."),
    "ServiceUnavailableException": (503, "Bedrock is unable to process your request."),
    "ThrottlingException": (429, "Too many requests, please wait before trying again."),
    "ValidationException": (400, "Malformed input request"),
}


def _fault(error: str, model: str = "*", **more: object) -> dict[str, object]:
    return {"model": model, "error": error, **more}


def _statuses(emulator: Emulator, count: int, model: str = CORE) -> list[int]:
    return [emulator.post(model, b'{"prompt": "a cat"}').status_code for _ in range(count)]


@pytest.mark.parametrize("name", EXCEPTIONS)
@pytest.mark.parametrize("model", EVERY_MODEL)
def test_boto3_raises_the_exception_of_the_service_model(emulator: Emulator, model: str, name: str) -> None:
    emulator.configure(faults=[_fault(name)])
    status, message = EXCEPTIONS[name]
    with pytest.raises(ClientError) as refused:
        emulator.invoke(model, smallest(model, seed=5))
    assert type(refused.value).__name__ == name
    assert refused.value.response["Error"]["Message"].startswith(message)
    metadata = refused.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], bool(metadata["RequestId"])) == (status, True)
    (call,) = emulator.calls()
    assert (call["model"], call["status"], call["images"], call["seed"]) == (model, status, 0, 5)


def test_a_model_error_carries_its_two_other_members(emulator: Emulator) -> None:
    emulator.configure(faults=[_fault("ModelErrorException")])
    with pytest.raises(ClientError) as refused:
        emulator.invoke(CORE, {"prompt": "x"})
    members: Mapping[str, Any] = refused.value.response
    assert (members["originalStatusCode"], members["resourceName"]) == (500, CORE)


def test_a_fault_may_have_its_own_message(emulator: Emulator) -> None:
    legacy = "Access denied. This Model is marked by provider as Legacy"
    emulator.configure(faults=[_fault("ResourceNotFoundException", message=legacy)])
    with pytest.raises(ClientError, match=legacy):
        emulator.invoke(CORE, {"prompt": "x"})


def test_times_counts_down_over_calls(emulator: Emulator) -> None:
    emulator.configure(faults=[_fault("ThrottlingException", times=2)], native_size=[64, 64])
    assert _statuses(emulator, 4) == [429, 429, 200, 200]


def test_faults_match_in_list_order(emulator: Emulator) -> None:
    faults = [
        _fault("ThrottlingException", CORE, times=1),
        _fault("ModelTimeoutException", times=1),
        _fault("ServiceUnavailableException", TITAN),
    ]
    emulator.configure(faults=faults, native_size=[64, 64])
    assert _statuses(emulator, 3) == [429, 408, 200]
    with pytest.raises(ClientError, match="ServiceUnavailableException"):
        emulator.invoke(TITAN, smallest(TITAN))


def test_a_fault_of_a_model_applies_to_its_profiles(emulator: Emulator) -> None:
    emulator.configure(faults=[_fault("ThrottlingException", CORE)])
    assert _statuses(emulator, 1, PROFILE) == [429]
    emulator.configure(faults=[_fault("ThrottlingException", PROFILE)], native_size=[64, 64])
    assert _statuses(emulator, 1, PROFILE) + _statuses(emulator, 1) == [429, 200]


@pytest.mark.parametrize(("rate", "expected"), [(0, {200}), (1, {429}), (0.5, {200, 429})])
def test_a_rate_is_a_probability(emulator: Emulator, rate: float, expected: set[int]) -> None:
    emulator.configure(faults=[_fault("ThrottlingException", rate=rate)], rng_seed=1, native_size=[64, 64])
    first = _statuses(emulator, 20)
    assert set(first) == expected
    emulator.configure(faults=[_fault("ThrottlingException", rate=rate)], rng_seed=1, native_size=[64, 64])
    assert _statuses(emulator, 20) == first


def test_rate_and_times_together_limit_one_another(emulator: Emulator) -> None:
    emulator.configure(faults=[_fault("ThrottlingException", rate=0.5)], rng_seed=3, native_size=[64, 64])
    struck = [at for at, status in enumerate(_statuses(emulator, 20)) if status == 429]
    emulator.configure(faults=[_fault("ThrottlingException", rate=0.5, times=4)], rng_seed=3, native_size=[64, 64])
    assert [at for at, status in enumerate(_statuses(emulator, 20)) if status == 429] == struck[:4]
    assert len(struck) > 4


def test_a_refused_body_does_not_count_as_a_fault(emulator: Emulator) -> None:
    emulator.configure(faults=[_fault("ThrottlingException", times=1)])
    assert emulator.post(CORE, b"{}").status_code == 400
    assert _statuses(emulator, 1) == [429]


def test_drop_bills_and_closes_the_connection(emulator: Emulator) -> None:
    emulator.configure(faults=[_fault("drop", times=1)], native_size=[64, 64])
    with pytest.raises(ConnectionClosedError):
        emulator.invoke(TITAN, smallest(TITAN, numberOfImages=2))
    assert [call["images"] for call in emulator.calls()] == [2]
    assert len(emulator.invoke(CORE, {"prompt": "x"})["images"]) == 1


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_not_png_is_a_picture_of_another_format(emulator: Emulator, model: str) -> None:
    emulator.configure(faults=[_fault("not_png")], native_size=[64, 64])
    assert opened(emulator.invoke(model, smallest(model))["images"][0]).format == "JPEG"


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_truncated_png_starts_like_one(emulator: Emulator, model: str) -> None:
    emulator.configure(faults=[_fault("truncated_png")], native_size=[64, 64])
    picture = emulator.invoke(model, smallest(model))["images"][0]
    assert decoded(picture).startswith(b"\x89PNG\r\n\x1a\n")
    with pytest.raises((OSError, SyntaxError)):
        opened(picture)


@pytest.mark.parametrize(("model", "asked"), [(TITAN, 3), (CANVAS, 3), (TITAN, 1)])
def test_fewer_images_comes_without_an_explanation(emulator: Emulator, model: str, asked: int) -> None:
    emulator.configure(faults=[_fault("fewer_images")])
    answer = emulator.invoke(model, smallest(model, numberOfImages=asked))
    assert len(answer["images"]) == asked - 1
    assert answer.get("error") is None
    assert [call["images"] for call in emulator.calls()] == [asked]


@pytest.mark.parametrize("model", STABILITY)
def test_fewer_images_on_a_one_image_model_is_none(emulator: Emulator, model: str) -> None:
    emulator.configure(faults=[_fault("fewer_images")])
    assert emulator.invoke(model, {"prompt": "x"}) == {"seeds": [], "finish_reasons": [], "images": []}


@pytest.mark.parametrize("model", STABILITY)
def test_stability_reports_an_inference_error_in_a_200(emulator: Emulator, model: str) -> None:
    emulator.configure(faults=[_fault("inference_error")])
    assert emulator.invoke(model, {"prompt": "x"}) == {"finish_reasons": ["Inference error"]}


@pytest.mark.parametrize("model", [TITAN, CANVAS])
def test_an_inference_error_elsewhere_is_a_model_error(emulator: Emulator, model: str) -> None:
    emulator.configure(faults=[_fault("inference_error")])
    with pytest.raises(ClientError, match="ModelErrorException"):
        emulator.invoke(model, smallest(model))


def test_latency_delays_successes_only() -> None:
    """A success never arrives with this latency, though it is recorded; a refusal arrives at once."""
    with ThreadPoolExecutor(1) as pool, running_emulator() as url:
        emulator = Emulator(url)
        with emulator.http:
            emulator.configure(latency_ms=900_000, native_size=[64, 64])
            hanging = pool.submit(emulator.invoke, CORE, {"prompt": "x"})
            while not emulator.calls():
                assert not hanging.done()
            assert emulator.post(CORE, b"{}").status_code == 400
            assert [call["status"] for call in emulator.calls()] == [200, 400]
            assert not hanging.done()
    assert isinstance(hanging.exception(), ConnectionClosedError)


def test_a_hundred_concurrent_calls_do_not_mix(emulator: Emulator) -> None:
    emulator.configure(faults=[_fault("ThrottlingException", times=30)], native_size=[64, 64])
    client = emulator.client("us-west-2")

    def call(seed: int) -> str | None:
        try:
            answer = client.invoke_model(modelId=CORE, body=json.dumps({"prompt": "a cat", "seed": seed}))
        except client.exceptions.ThrottlingException:
            return None
        return json.loads(answer["body"].read())["images"][0]

    with ThreadPoolExecutor(100) as pool:
        pictures = list(pool.map(call, range(1, 101)))
    made = [picture for picture in pictures if picture]
    assert len(made) == len(set(made)) == 70
    assert sum(call["images"] for call in emulator.calls()) == 70
    assert sorted(call["seed"] for call in emulator.calls()) == list(range(1, 101))


def test_pictures_follow_the_requests_seed_under_load(emulator: Emulator) -> None:
    emulator.configure(native_size=[64, 64])
    bodies = [{"prompt": "a cat", "seed": seed} for seed in range(1, 9)]
    alone = [emulator.invoke(CORE, body) for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda body: emulator.invoke(CORE, body), bodies))
    assert together == alone
    assert all(isinstance(opened(answer["images"][0]), Image.Image) for answer in together)
