"""Doors and use case on fakes: no socket is opened, no AWS client made."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from pytest_socket import disable_socket

import bootstrap
from api.app import lambda_handler
from bootstrap import Services
from observability import logger
from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.events import FakeBus
from tests.fakes.lambda_runtime import CALLER, FakeContext, http_event
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    disable_socket()


@pytest.fixture
def bedrock() -> FakeBedrock:
    return FakeBedrock()


@pytest.fixture
def bucket() -> FakeBucket:
    return FakeBucket()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def lists() -> dict[str, str]:
    return {"standard": "titan,core", "premium": "titan,ultra"}


@pytest.fixture
def wall() -> FakeClock:
    """The time of day."""
    return FakeClock(time.time())


@pytest.fixture
def table(wall: FakeClock) -> FakeTable:
    return FakeTable(now=wall)


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def environment(lists: dict[str, str]) -> dict[str, str]:
    return ENVIRONMENT | {"STANDARD_MODELS": lists["standard"], "PREMIUM_MODELS": lists["premium"]}


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.from_environment(environment)


@pytest.fixture
def services(
    settings: Settings,
    table: FakeTable,
    bucket: FakeBucket,
    queue: FakeQueue,
    bus: FakeBus,
    bedrock: FakeBedrock,
    wall: FakeClock,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Services:
    """The services on fakes, where the doors look for the real ones."""

    def sleep(seconds: float) -> None:
        clock.advance(seconds)
        wall.advance(seconds)

    services = Services(settings, table, bucket, queue, bus, bedrock, now=wall, clock=clock, sleep=sleep)
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    return services


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is logged from here on."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


@dataclass(frozen=True)
class Answer:
    status: HTTPStatus
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.text)


Send = Callable[..., Answer]


@pytest.fixture
def send(services: Services) -> Send:  # noqa: ARG001 - puts the fakes in place
    """Sends a request through the HTTP door."""

    def send(method: str, target: str, body: object = None, caller: str = CALLER, **headers: str) -> Answer:
        text = body if isinstance(body, str | None) else json.dumps(body)
        answer = lambda_handler(http_event(method, target, text, caller=caller, **headers), FakeContext())
        named = {name.lower(): ",".join(values) for name, values in answer["multiValueHeaders"].items()}
        return Answer(HTTPStatus(answer["statusCode"]), named, answer["body"])

    return send
