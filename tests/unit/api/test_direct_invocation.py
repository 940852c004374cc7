"""An event without `httpMethod` is the request itself: the answer is the 200 body, an error is raised by its class."""

from typing import Any

import pytest

import api.app
from aws.bedrock import BedrockError
from aws.bucket import BucketError
from bootstrap import Services
from imaging.deadline import Deadline
from imaging.errors import (
    ContentBlocked,
    DependencyUnavailable,
    ImagingError,
    InternalError,
    InvalidRequest,
    ModelAccessDenied,
    ModelError,
    ModelUnavailable,
    StorageFailed,
    Throttled,
    TimedOut,
)
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.lambda_runtime import CALLER, FakeContext, event
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable

pytestmark = pytest.mark.usefixtures("services")

FOX = {"text": "a fox", "model": "titan"}


def invoke(event: object) -> dict[str, Any]:
    return api.app.lambda_handler(event, FakeContext())


def test_the_event_file_brings_the_200_body(bucket: FakeBucket) -> None:
    body = invoke(event("direct"))

    (image_id,) = bucket.objects
    assert body["message"] == "Images generated successfully"
    assert body["images"] == [f"https://bucket.example/{image_id}"]
    assert isinstance(body["expires_at"], str)


def test_there_is_no_address_to_build_stable_links_from() -> None:
    (detail,) = invoke(FOX)["details"]
    assert "link" not in detail


def test_a_job_is_answered_at_once_and_later_with_its_images(
    services: Services, queue: FakeQueue, bedrock: FakeBedrock
) -> None:
    order = FOX | {"idempotency_key": "an order", "respond_async": True}

    job = invoke(order)

    assert job == {"id": queue.sent[0], "status": "queued"}
    assert (invoke(order), bedrock.calls) == (job, [])
    assert services.jobs.work(job["id"], Deadline.after(100)) is None
    assert invoke(order)["id"] == invoke(order | {"respond_async": False})["id"] == job["id"]
    assert invoke(order)["images"]
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize("value", [None, 1, "true", "yes", []])
def test_only_true_asks_for_a_job(value: object, queue: FakeQueue, bedrock: FakeBedrock) -> None:
    with pytest.raises(InvalidRequest, match="respond_async: Must be true or false"):
        invoke(FOX | {"respond_async": value})
    assert (queue.sent, bedrock.calls) == ([], [])


@pytest.mark.parametrize("event", [None, [], "a fox", 7, {}, {"text": ""}, {"text": "a fox", "width": "1024"}])
def test_a_bad_event_raises_invalid_request(event: object, bedrock: FakeBedrock) -> None:
    with pytest.raises(InvalidRequest):
        invoke(event)
    assert bedrock.calls == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ValidationException", InvalidRequest),
        ("ThrottlingException", Throttled),
        ("AccessDeniedException", ModelAccessDenied),
        ("ResourceNotFoundException", ModelUnavailable),
        ("ModelErrorException", ModelError),
        ("ModelTimeoutException", TimedOut),
    ],
)
def test_each_error_keeps_its_class(bedrock: FakeBedrock, code: str, error: type[ImagingError]) -> None:
    bedrock.refuse(code)
    with pytest.raises(ImagingError) as raised:
        invoke(FOX)
    assert type(raised.value) is error


def test_a_refused_prompt_raises_content_blocked(bedrock: FakeBedrock) -> None:
    bedrock.enqueue({"images": [], "error": "blocked by our content filters"})
    with pytest.raises(ContentBlocked, match="try another seed"):
        invoke(FOX)


def test_a_refusing_bucket_raises_storage_failed(bucket: FakeBucket) -> None:
    bucket.refusals += ["AccessDenied"] * 6
    with pytest.raises(StorageFailed):
        invoke(FOX)


def test_when_time_is_short_no_model_is_asked(bedrock: FakeBedrock) -> None:
    with pytest.raises(TimedOut):
        api.app.lambda_handler(FOX, FakeContext(seconds=9))
    assert bedrock.calls == []


def test_what_is_raised_never_quotes_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest) as raised:
        invoke({"text": "secret prompt" * 50})
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__

    def stumble(*_: object) -> None:
        raise TypeError("secret prompt")

    monkeypatch.setattr("api.direct.answer", stumble)
    with pytest.raises(InternalError) as bug:
        invoke(FOX)
    assert bug.value.__suppress_context__
    assert "secret" not in str(bug.value)


def test_unknown_fields_are_refused_without_their_names_because_lambda_logs_what_is_raised() -> None:
    with pytest.raises(
        InvalidRequest, match=r"unknown fields; there are text, width, .*idempotency_key, respond_async"
    ) as raised:
        invoke({"text": "a fox", "width": 1, "secret prompt": 1, "another": 2})
    assert [error.field for error in raised.value.fields] == ["width", "event"]
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "authorizer",
    [
        {"caller": CALLER},
        {"caller": CALLER, "gateway_token": ""},
        {"caller": CALLER, "gateway_token": "gateway-51af3dc0-da77-11e4-872e-000000000000"},
        {"caller": CALLER, "gateway_token": None},
        {"caller": CALLER, "gateway_token": ["a", "\ud800"]},
        None,
        "a text",
    ],
)
def test_a_forged_api_gateway_event_is_refused(authorizer: object, bedrock: FakeBedrock, table: FakeTable) -> None:
    forged = event("api-gateway")
    forged["requestContext"]["authorizer"] = authorizer

    with pytest.raises(InvalidRequest, match="did not come through it"):
        invoke(forged)

    assert (bedrock.calls, table.records) == ([], {})


@pytest.mark.parametrize("context", [None, [], "a text"])
def test_nor_does_one_without_a_context(context: object) -> None:
    with pytest.raises(InvalidRequest):
        invoke(event("api-gateway") | {"requestContext": context})


def test_the_event_file_of_api_gateway_is_answered_as_http() -> None:
    assert invoke(event("api-gateway"))["statusCode"] == 200


def test_a_lost_connection_is_a_model_error(bedrock: FakeBedrock, services: Services) -> None:
    bedrock.refuse(BedrockError.CONNECTION_LOST)
    with pytest.raises(ModelError):
        invoke(FOX)
    assert services.generator.router.known_refusal(services.generator.router.lists["standard"][0].model) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"httpMethod": 5},
        {"headers": {"accept": None}},
        {"queryStringParameters": []},
        {"body": {}},
        {"pathParameters": {"proxy": 1}},
        {"requestContext": None},
        {"requestContext": {"authorizer": {}}},
    ],
)
def test_an_event_that_only_looks_like_api_gateways_raises_invalid_request(
    changes: dict[str, Any], bedrock: FakeBedrock
) -> None:
    with pytest.raises(InvalidRequest, match="did not come through it"):
        invoke(event("api-gateway") | changes)
    assert bedrock.calls == []


def test_without_credentials_for_a_link_the_paid_image_is_kept(bucket: FakeBucket, bedrock: FakeBedrock) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bucket, "link", _no_credentials)
        with pytest.raises(DependencyUnavailable, match="is stored"):
            invoke(FOX)

    assert len(invoke(FOX)["images"]) == len(bedrock.calls) == 1


def _no_credentials(_: str) -> None:
    raise BucketError("NoCredentialsError")
