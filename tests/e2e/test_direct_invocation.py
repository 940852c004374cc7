"""The same function, invoked with the request alone."""

import base64
import io
import json
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from tests.e2e.laptop import PROJECT, Emulator, Stack


def test_the_direct_event_is_answered_with_the_body(stack: Stack, emulator: Emulator) -> None:
    # Its own key prevents a replay of another test's generation.
    event = json.loads((PROJECT / "events" / "direct.json").read_text()) | {"idempotency_key": "from a test"}

    answer = _invoke(stack, event)

    download = httpx.get(answer["images"][0], trust_env=False)
    with Image.open(io.BytesIO(download.content)) as image:
        assert image.size == (event["width"], event["height"])
    assert [call["status"] for call in emulator.calls()] == [200]


def test_a_bad_event_raises(stack: Stack, emulator: Emulator) -> None:
    answer = _invoke(stack, {"text": ""})

    assert answer["errorType"] == "InvalidRequest"
    assert "text" in answer["errorMessage"]
    assert emulator.calls() == []


def test_an_event_that_only_looks_like_api_gateways_is_refused(stack: Stack, emulator: Emulator) -> None:
    """A state machine may forward an event that its caller has written."""
    answer = _invoke(stack, json.loads((PROJECT / "events" / "api-gateway.json").read_text()))

    assert "did not come through it" in answer["errorMessage"]
    assert emulator.calls() == []


def test_an_agentcore_gateway_names_the_tool_in_the_client_context(stack: Stack, emulator: Emulator) -> None:
    context = base64.b64encode(b'{"custom": {"bedrockAgentCoreToolName": "images___list_models"}}').decode()
    named, unnamed = (_invoke(stack, {"width": 512}, **each) for each in ({"ClientContext": context}, {}))

    assert "models" in named
    assert unnamed["errorType"] == "InvalidRequest"
    assert emulator.calls() == []


@pytest.mark.parametrize("context", ["{}", "bm8=", "W10="], ids=["not base64", "not JSON", "not an object"])
def test_a_client_context_that_cannot_be_read_is_refused_as_on_aws(stack: Stack, context: str) -> None:
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        _invoke(stack, {}, ClientContext=context)


def _invoke(stack: Stack, event: object, **options: str) -> Any:  # noqa: ANN401 - any JSON
    answer = stack.client("lambda").invoke(FunctionName=stack.function, Payload=json.dumps(event), **options)
    return json.load(answer["Payload"])
