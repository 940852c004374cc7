"""Malformed events: no handler raises, but where that is the contract."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from hypothesis import assume, given
from hypothesis import strategies as st

import authorizer.app
import sweeper.app
import worker.app
from api.app import lambda_handler
from api.event import is_well_formed
from imaging.errors import ImagingError, InvalidRequest
from tests.fakes.lambda_runtime import FakeContext, event, http_event
from tests.fuzz.gateway import KEY
from tests.fuzz.options import bounded

CONTEXT = cast(LambdaContext, FakeContext())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
Place = tuple[str | int, ...]

pytestmark = pytest.mark.usefixtures("services")


def _places(value: object, place: Place = ()) -> Iterator[Place]:
    """Every key and index of nested objects and lists."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*place, name)
            yield from _places(inner, (*place, name))


@st.composite
def changed(draw: st.DrawFn, original: dict[str, Any], *untouched: Place) -> dict[str, Any]:
    """The event with some of its values replaced or missing."""
    made = copy.deepcopy(original)
    places = [place for place in _places(original) if place not in untouched]
    for place in draw(st.lists(st.sampled_from(places), min_size=1, max_size=4)):
        parent = _inner(made, place[:-1])
        if isinstance(parent, dict) and place[-1] in parent:
            if draw(st.booleans()):
                parent[place[-1]] = draw(JSON)
            else:
                del parent[place[-1]]
    return made


def _inner(value: Any, place: Place) -> Any:  # noqa: ANN401 - any JSON
    for name in place:
        if not (isinstance(value, dict) and name in value) and not (isinstance(value, list) and name == 0):
            return None
        value = value[name] if isinstance(value, dict) else (value[0] if value else None)
    return value


REQUESTS = [
    http_event("POST", "/generate", json.dumps({"text": "a fox", "width": 512, "height": 512})),
    http_event("POST", "/generate", json.dumps({"text": "a fox"}), prefer="respond-async", idempotency_key="a"),
    http_event("POST", "/v1/images/generations", json.dumps({"prompt": "a fox"})),
    http_event(
        "POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}), origin="https://a.example"
    ),
    http_event("GET", "/images?limit=2"),
    http_event("GET", "/jobs/0ccb4f4e-8a3b-4a0c-9d61-3f1b3f0c9a11"),
    http_event("GET", "/health?deep=true"),
    http_event("GET", "/docs"),
]


@pytest.mark.parametrize("original", REQUESTS, ids=lambda each: each["path"])
@given(data=st.data())
@bounded(60)
def test_any_event_of_api_gateway_is_answered_or_refused_by_a_typed_error(
    original: dict[str, Any], data: st.DataObject
) -> None:
    """An event without the gateway's token is no request: the function raises, as in a direct invocation."""
    _answered_or_refused(data.draw(changed(original)))


@pytest.mark.parametrize("original", REQUESTS, ids=lambda each: each["path"])
@given(data=st.data())
@bounded(60)
def test_any_event_of_api_gateway_that_has_its_token_is_answered(original: dict[str, Any], data: st.DataObject) -> None:
    authorizer_places = [place for place in _places(original) if place[:2] == ("requestContext", "authorizer")]
    sent = data.draw(changed(original, ("requestContext",), ("httpMethod",), *authorizer_places))
    assume(is_well_formed(sent))
    answer = lambda_handler(sent, CONTEXT)

    assert 200 <= answer["statusCode"] < 600
    assert answer["statusCode"] != 500, answer["body"]


@given(sent=JSON)
@bounded(200)
def test_any_direct_event_is_answered_or_refused_by_a_typed_error(sent: object) -> None:
    _answered_or_refused(sent)


@given(data=st.data())
@bounded(200)
def test_any_changed_direct_event_is_answered_or_refused_by_a_typed_error(data: st.DataObject) -> None:
    _answered_or_refused(data.draw(changed({**event("direct"), "idempotency_key": "a", "seed": 4, "model": "titan"})))


@given(data=st.data())
@bounded(200)
def test_any_changed_event_of_an_action_group_is_answered_or_refused_by_a_typed_error(data: st.DataObject) -> None:
    text = {"name": "text", "type": "string", "value": "a fox"}
    width = {"name": "width", "type": "integer", "value": "512"}
    called = {
        "messageVersion": "1.0",
        "actionGroup": "images",
        "apiPath": "/generate_image",
        "httpMethod": "POST",
        "parameters": [text],
        "requestBody": {"content": {"application/json": {"properties": [width]}}},
    }
    _answered_or_refused(data.draw(changed(called)))


def _answered_or_refused(sent: Any) -> None:  # noqa: ANN401 - any JSON
    refused: list[str] = []
    try:
        json.dumps(lambda_handler(sent, CONTEXT))
    except ImagingError as error:
        refused.append(error.code)
    assert "internal_error" not in refused


@given(data=st.data())
@bounded(200)
def test_any_message_is_finished_or_reported_as_failed(data: st.DataObject) -> None:
    """What is not an event of SQS is refused as a whole, so that Lambda keeps its messages."""
    with suppress(InvalidRequest):
        answer = worker.app.lambda_handler(data.draw(changed(event("sqs"))), CONTEXT)
        assert set(answer) == {"batchItemFailures"}


@given(sent=JSON)
@bounded(50)
def test_what_is_no_event_of_the_queue_is_refused_by_a_typed_error(sent: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(InvalidRequest, match="form of SQS"):
        worker.app.lambda_handler(sent, CONTEXT)


@given(data=st.data())
@bounded(200)
def test_any_request_is_allowed_or_denied(data: st.DataObject) -> None:
    original = {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:000000000000:api/api/GET/health",
        "headers": {"x-api-key": KEY, "Authorization": f"Bearer {KEY}"},
        "multiValueHeaders": {"x-api-key": [KEY]},
        "httpMethod": "GET",
        "path": "/health",
        "pathParameters": {"proxy": "health"},
        "queryStringParameters": {"deep": "true"},
        "requestContext": {"stage": "api"},
    }
    answer = authorizer.app.lambda_handler(data.draw(changed(original, ("methodArn",))), CONTEXT)

    assert answer["policyDocument"]["Statement"][0]["Effect"] in {"Allow", "Deny"}


@given(sent=JSON)
@bounded(50)
def test_any_scheduled_event_starts_the_sweeper(sent: Any) -> None:  # noqa: ANN401 - any JSON
    assert sweeper.app.lambda_handler(sent, CONTEXT) == {"due": 0, "deliveries": 0}
