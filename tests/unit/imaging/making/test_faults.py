"""Every way in which a model can refuse or fail, for each family: the status, the code, the remedy."""

import base64
import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import pytest

from api.app import lambda_handler
from aws.bedrock import BedrockError
from tests.fakes.bedrock import FakeBedrock, base64_png, png
from tests.fakes.bucket import FakeBucket
from tests.fakes.lambda_runtime import FakeContext, http_event
from tests.unit.conftest import Answer, Send

SECRET = "secret prompt"  # noqa: S105 - the test looks for it in the log
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


@pytest.mark.parametrize(("model", "is_subscribed"), [("titan", False), ("core", True)])
def test_only_a_model_from_the_marketplace_needs_a_subscription(
    send: Send, bedrock: FakeBedrock, model: str, is_subscribed: bool
) -> None:
    bedrock.refuse("AccessDeniedException", NOT_GRANTED)

    detail = send("POST", "/generate", {"text": "a fox", "model": model}).json["detail"]

    assert ("and that its AWS Marketplace subscription is complete." in detail) == is_subscribed
    assert ("access to the model." in detail) != is_subscribed


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
    assert answer.json["detail"][0].isupper()


WHOLE = png(1024, 1024)
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + WHOLE).decode()
TRUNCATED = base64.b64encode(WHOLE[: len(WHOLE) // 2]).decode()
DAMAGED = base64.b64encode(WHOLE[:60] + b"\x00" + WHOLE[61:]).decode()
NO_PICTURE = base64.b64encode(WHOLE[:33] + WHOLE[-12:]).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png_of(width: int, height: int, pixels: bytes) -> str:
    """Chunks in order, each with its checksum right, whatever they hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = WHOLE[:8] + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return base64.b64encode(whole).decode()


UNDECODABLE = _png_of(1216, 1216, b"junk")
NO_PIXELS = _png_of(0, 0, b"junk")

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
    ("titan", {"images": 7}),
    ("core", {"images": 7, "seeds": 7}),
    ("titan", {"images": [None], "error": None}),
    *[("core", {"images": [junk], "seeds": [42], "finish_reasons": [None]}) for junk in (UNDECODABLE, NO_PIXELS)],
]


@pytest.mark.parametrize(("model", "answer"), UNUSABLE, ids=lambda value: str(value)[:40])
def test_a_200_without_a_usable_picture_is_a_model_error(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, model: str, answer: Mapping[str, Any]
) -> None:
    bedrock.enqueue(answer)

    refused = send("POST", "/generate", {"text": "a fox", "model": model})

    assert (refused.status, refused.json["code"]) == (502, "model_error")
    assert bucket.objects == {}


def test_a_failure_that_may_have_been_billed_does_not_fall_back(send: Send, bedrock: FakeBedrock) -> None:
    for code in ("ModelErrorException", "InternalServerException", BedrockError.READ_TIMEOUT):
        bedrock.refuse(code)
        send("POST", "/generate", {"text": "a fox"})
    assert {call.model for call in bedrock.calls} == {"amazon.titan-image-generator-v2:0"}


def test_a_bucket_that_refuses_is_storage_failed(send: Send, bucket: FakeBucket) -> None:
    bucket.refusals += ["AccessDenied"] * 6

    answer = send("POST", "/generate", {"text": "a fox"})

    assert (answer.status, answer.json["code"]) == (503, "storage_failed")
    assert answer.json["aws_error"] == "AccessDenied"


def test_a_bug_is_an_internal_error_without_details(
    send: Send, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def stumble(*_: object) -> None:
        raise TypeError(SECRET)

    monkeypatch.setattr("api.routes.generate.answer", stumble)
    answer = send("POST", "/generate", {"text": "secret prompt", "model": "titan"})

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "TypeError" not in answer.text
    logged = log.getvalue()
    assert answer.json["request_id"] in logged
    assert "TypeError" in logged
    assert "secret prompt" not in logged


@pytest.mark.parametrize("code", ["ValidationException", "ModelErrorException", "InvalidSignatureException", "Unheard"])
def test_bedrocks_messages_that_may_quote_the_prompt_are_not_logged(
    send: Send, bedrock: FakeBedrock, log: io.StringIO, code: str
) -> None:
    bedrock.refuse(code, "a secret prompt")
    send("POST", "/generate", {"text": "a fox", "model": "core"})
    assert code in log.getvalue()
    assert "secret prompt" not in log.getvalue()


def test_bedrocks_messages_that_help_an_operator_are_logged(send: Send, bedrock: FakeBedrock, log: io.StringIO) -> None:
    bedrock.refuse("AccessDeniedException", "not authorized to perform: bedrock:InvokeModel")
    send("POST", "/generate", {"text": "a fox", "model": "core"})
    assert "bedrock:InvokeModel" in log.getvalue()


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
    monkeypatch.setattr("api.routes.models.ModelList", lambda **_: {"models": 7})
    answer = send("GET", "/models")
    assert (answer.status, answer.json["code"]) == (500, "internal_error")


@pytest.mark.parametrize("seeds", [["abc"], [None], ["7"], [], None])
def test_a_seed_that_says_nothing_is_the_one_that_was_asked_for(
    send: Send, bedrock: FakeBedrock, seeds: object
) -> None:
    bedrock.enqueue({"images": [base64_png(1216, 1216)], "seeds": seeds, "finish_reasons": [None]})
    assert send("POST", "/generate", {"text": "a fox", "model": "core", "seed": 7}).json["details"][0]["seed"] == 7


def test_one_undecodable_picture_of_four_does_not_lose_the_others(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {43: {"images": [UNDECODABLE], "seeds": [43], "finish_reasons": [None]}}
    answer = send("POST", "/generate", {"text": "a fox", "model": "core", "number_of_images": 4})
    assert [detail["status"] for detail in answer.json["details"]] == ["stored", "failed", "stored", "stored"]


@pytest.mark.parametrize("name", ["body", "query", "path"])
def test_a_field_with_an_unlucky_name_is_refused_by_it(send: Send, name: str) -> None:
    answer = send("POST", "/generate", {"text": "a fox", name: 1})
    assert answer.json["errors"] == [{"field": name, "message": "There is no such field"}]


def test_a_body_that_is_not_utf8_is_refused(send: Send) -> None:  # noqa: ARG001 - puts the fakes in place
    request = http_event("POST", "/generate", base64.b64encode(b"\xff\xfe{}").decode()) | {"isBase64Encoded": True}
    answer = lambda_handler(request, FakeContext())
    assert (answer["statusCode"], "UTF-8" in answer["body"]) == (400, True)


def test_a_request_without_headers_is_answered(send: Send) -> None:  # noqa: ARG001 - puts the fakes in place
    answer = lambda_handler(http_event("GET", "/health") | {"headers": None, "multiValueHeaders": None}, FakeContext())
    assert answer["statusCode"] == 200
