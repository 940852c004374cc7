"""Every way in which a model can refuse or fail, for each family: the status, the code, the remedy."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import pytest

from aws.bedrock import BedrockError
from tests.fakes.bedrock import FakeBedrock, base64_png, png
from tests.fakes.bucket import FakeBucket
from tests.unit.conftest import Answer, Send

MODELS = ["titan", "canvas", "core", "ultra", "sd3.5"]

END_OF_LIFE = "This model version has reached the end of its life. Please refer to the AWS documentation."
LEGACY = "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model."
IAM = "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: bedrock:InvokeModel on resource: x"
MARKETPLACE = (
    "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace "
    "actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model."
)
NOT_GRANTED = "You don't have access to the model with the specified model ID."

FAULTS = [
    ("ResourceNotFoundException", END_OF_LIFE, 503, "model_unavailable", "end of life"),
    ("ResourceNotFoundException", LEGACY, 503, "model_unavailable", "Legacy"),
    ("AccessDeniedException", IAM, 500, "model_access_denied", "bedrock:InvokeModel"),
    ("AccessDeniedException", MARKETPLACE, 500, "model_access_denied", "aws-marketplace:Subscribe"),
    ("AccessDeniedException", NOT_GRANTED, 500, "model_access_denied", "Bedrock is enabled in the region"),
    ("UnrecognizedClientException", "The security token is invalid.", 500, "model_access_denied", "credentials"),
    (BedrockError.NO_CREDENTIALS, "Unable to locate credentials", 500, "model_access_denied", "credentials"),
    ("ThrottlingException", "Too many requests", 429, "throttled", "reduce the number of concurrent requests"),
    ("ServiceQuotaExceededException", "Quota exceeded", 429, "throttled", "check your AWS service quotas"),
    ("ModelNotReadyException", "Not ready", 503, "model_unavailable", "again later"),
    ("ServiceUnavailableException", "Capacity", 503, "model_unavailable", "again later"),
    (BedrockError.UNREACHABLE, "Could not connect", 503, "model_unavailable", "again later"),
    ("ModelErrorException", "Model error", 502, "model_error", "try another seed"),
    ("InternalServerException", "An internal error", 502, "model_error", "again"),
    (BedrockError.CONNECTION_LOST, "Connection was closed", 502, "model_error", "again"),
    (BedrockError.UNREADABLE, "No JSON", 502, "model_error", "again"),
    ("ModelTimeoutException", "Took too long", 504, "timed_out", "fewer images"),
    (BedrockError.READ_TIMEOUT, "Read timeout", 504, "timed_out", "fewer images"),
    ("ValidationException", "Malformed input request", 400, "invalid_request", "prompt's length and format"),
    ("SomethingNewException", "What is this", 502, "model_error", "again"),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("aws_error", "message", "status", "code", "remedy"), FAULTS)
def test_each_fault_has_its_status_and_remedy(
    send: Send,
    bedrock: FakeBedrock,
    bucket: FakeBucket,
    model: str,
    aws_error: str,
    message: str,
    status: int,
    code: str,
    remedy: str,
) -> None:
    bedrock.refuse(aws_error, message)

    answer = send("POST", "/generate", {"text": "a fox", "model": model})

    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["aws_error"] == aws_error
    assert remedy in answer.json["detail"]
    assert message not in answer.json["detail"]
    assert len(bedrock.calls) == 1
    assert bucket.objects == {}


@pytest.mark.parametrize("aws_error", ["ThrottlingException", "ServiceUnavailableException"])
def test_where_waiting_helps_the_answer_says_how_long(send: Send, bedrock: FakeBedrock, aws_error: str) -> None:
    bedrock.refuse(aws_error)
    assert int(send("POST", "/generate", {"text": "a fox", "model": "core"}).headers["retry-after"]) > 0


@pytest.mark.parametrize("model", ["titan", "canvas"])
def test_a_prompt_that_the_filter_refuses_is_content_blocked(send: Send, bedrock: FakeBedrock, model: str) -> None:
    bedrock.refuse("ValidationException", "This request has been blocked by our content filters.")
    _assert_blocked(send("POST", "/generate", {"text": "a fox", "model": model}))


BLOCKED: list[tuple[str, Mapping[str, Any]]] = [
    ("titan", {"images": [], "error": "All of the generated images have been blocked by our content filters."}),
    ("canvas", {"error": "All of the generated images have been blocked by our content filters."}),
    ("core", {"finish_reasons": ["Filter reason: prompt"]}),
    ("ultra", {"finish_reasons": ["Filter reason: output image"]}),
]


@pytest.mark.parametrize(("model", "answer"), BLOCKED)
def test_a_200_can_be_a_refusal(send: Send, bedrock: FakeBedrock, model: str, answer: Mapping[str, Any]) -> None:
    bedrock.enqueue(answer)
    _assert_blocked(send("POST", "/generate", {"text": "a fox", "model": model}))


def _assert_blocked(answer: Answer) -> None:
    assert (answer.status, answer.json["code"]) == (400, "content_blocked")
    assert "Make the prompt clearer, try another seed, or adjust cfg_scale." in answer.json["detail"]


WHOLE = png(1024, 1024)
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + WHOLE).decode()
TRUNCATED = base64.b64encode(WHOLE[: len(WHOLE) // 2]).decode()
DAMAGED = base64.b64encode(WHOLE[:60] + b"\x00" + WHOLE[61:]).decode()
NO_PICTURE = base64.b64encode(WHOLE[:33] + WHOLE[-12:]).decode()

UNUSABLE: list[tuple[str, Mapping[str, Any]]] = [
    *[("titan", {"images": [image], "error": None}) for image in (JPEG, TRUNCATED, DAMAGED, NO_PICTURE, "!", "")],
    *[
        ("core", {"images": [image], "seeds": [42], "finish_reasons": [None]})
        for image in (JPEG, TRUNCATED, DAMAGED, NO_PICTURE, "!", "")
    ],
    ("titan", {"images": [], "error": None}),
    ("titan", {}),
    ("core", {"images": [], "seeds": [], "finish_reasons": [None]}),
    ("core", {"finish_reasons": ["Inference error"]}),
    ("core", {}),
]


@pytest.mark.parametrize(("model", "answer"), UNUSABLE, ids=lambda value: str(value)[:40])
def test_a_200_without_a_usable_picture_is_a_model_error(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, model: str, answer: Mapping[str, Any]
) -> None:
    bedrock.enqueue(answer)

    refused = send("POST", "/generate", {"text": "a fox", "model": model})

    assert (refused.status, refused.json["code"]) == (502, "model_error")
    assert bucket.objects == {}


def test_what_may_have_been_billed_is_not_asked_of_the_next_model(send: Send, bedrock: FakeBedrock) -> None:
    for code in ("ModelErrorException", "InternalServerException", BedrockError.READ_TIMEOUT):
        bedrock.refuse(code)
        send("POST", "/generate", {"text": "a fox"})
    assert {call.model for call in bedrock.calls} == {"amazon.titan-image-generator-v2:0"}


def test_a_bucket_that_refuses_is_storage_failed(send: Send, bucket: FakeBucket) -> None:
    bucket.refusals += ["AccessDenied"] * 6

    answer = send("POST", "/generate", {"text": "a fox"})

    assert (answer.status, answer.json["code"]) == (503, "storage_failed")
    assert answer.json["aws_error"] == "AccessDenied"


def test_a_bug_is_an_internal_error_that_tells_nothing(send: Send, bedrock: FakeBedrock, log: io.StringIO) -> None:
    bedrock.enqueue({"images": 7, "error": "secret prompt"})

    answer = send("POST", "/generate", {"text": "secret prompt", "model": "titan"})

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "TypeError" not in answer.text
    logged = log.getvalue()
    assert answer.json["request_id"] in logged
    assert "TypeError" in logged
    assert "secret prompt" not in logged


def test_neither_prompt_nor_link_nor_key_is_logged(send: Send, bedrock: FakeBedrock, log: io.StringIO) -> None:
    image = base64_png(1024, 1024)
    bedrock.enqueue(
        BedrockError("ResourceNotFoundException", END_OF_LIFE),
        BedrockError("ValidationException", "the prompt 'secret prompt' is too long"),
        {"images": [image], "error": None},
    )
    send("POST", "/generate", {"text": "secret prompt"}, x_api_key="secret-key")
    send("POST", "/generate", {"text": "secret prompt", "model": "titan"}, authorization="Bearer secret-key")
    send("POST", "/generate", {"text": "secret prompt", "width": 7})

    logged = log.getvalue()
    assert "invalid_request" in logged
    for secret in ("secret prompt", "secret-key", "bucket.example", image[:64]):
        assert secret not in logged


def test_an_answer_that_breaks_its_own_schema_is_a_bug_and_nobodys_request(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.models.Models", lambda **_: {"models": 7})
    answer = send("GET", "/models")
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
