"""The same function, invoked with the request alone."""

import io
import json
from typing import Any

import httpx
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


def _invoke(stack: Stack, event: object) -> Any:  # noqa: ANN401 - any JSON
    answer = stack.client("lambda").invoke(FunctionName=stack.function, Payload=json.dumps(event))
    return json.load(answer["Payload"])
