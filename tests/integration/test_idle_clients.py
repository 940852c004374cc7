"""No request uses a connection that died while the environment was frozen."""

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from aws import bedrock, clients
from aws.bedrock import BedrockError
from aws.events import EventBus, EventError
from tests.fakes.clock import FakeClock
from tests.integration.servers import resetting_server

pytestmark = pytest.mark.usefixtures("aws")


def ok(body: object) -> bytes:
    text = json.dumps(body)
    return f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(1_795_339_800)
    monkeypatch.setattr(clients, "time", SimpleNamespace(time=clock))
    return clock


def call_model() -> None:
    bedrock.invoke("stability.stable-image-core-v1:1", "us-west-2", {"prompt": "a fox"}, lambda: 5)


def publish() -> None:
    EventBus("default", "a-stack").publish("Generation Completed", {"id": "a-generation"})


EITHER = pytest.mark.parametrize(
    ("variable", "body", "use"),
    [
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", {"images": []}, call_model),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, publish),
    ],
)


@EITHER
def test_after_a_freeze_a_client_reconnects(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, variable: str, body: object, use: Callable[[], None]
) -> None:
    with resetting_server(ok(body)) as server:
        monkeypatch.setenv(variable, server.url)
        use()
        clock.advance(clients.IDLE_SECONDS)
        use()
    assert (server.connections, server.requests) == (2, 2)


@EITHER
def test_without_a_freeze_it_reuses_its_connection(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, variable: str, body: object, use: Callable[[], None]
) -> None:
    with resetting_server(ok(body), answers_per_connection=3) as server:
        monkeypatch.setenv(variable, server.url)
        for _ in range(3):
            use()
            clock.advance(clients.IDLE_SECONDS - 1)
    assert (server.connections, server.requests) == (1, 3)


def test_a_clock_that_was_set_back_counts_as_a_pause(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    with resetting_server(ok({"images": []})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        call_model()
        clock.advance(-3600)
        call_model()
    assert server.connections == 2


def test_a_model_call_that_loses_its_connection_may_be_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    with resetting_server(ok({"images": []})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        call_model()
        with pytest.raises(BedrockError) as lost:
            call_model()
    assert (lost.value.code, lost.value.may_be_billed) == (BedrockError.CONNECTION_LOST, True)


def test_an_event_that_loses_its_connection_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    with resetting_server(ok({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", server.url)
        publish()
        publish()
    assert server.connections == 2


def test_an_event_is_retried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}"
    with resetting_server(refusal, answers_per_connection=9) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", server.url)
        with pytest.raises(EventError):
            publish()
    assert server.requests == 2
