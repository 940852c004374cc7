"""Doors and use case on fakes: no socket is opened, no AWS client made."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from pytest_socket import disable_socket

import bootstrap
from api.app import lambda_handler
from imaging.generate import Generator
from imaging.routing import Route, Router
from observability import logger
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.lambda_runtime import FakeContext, http_event


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
def generator(
    bedrock: FakeBedrock,
    bucket: FakeBucket,
    clock: FakeClock,
    lists: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Generator:
    """The use case on fakes, which both doors find where they look for the real one."""
    routes = {quality: [Route.parse(entry) for entry in entries.split(",")] for quality, entries in lists.items()}
    generator = Generator(bedrock, bucket, Router(routes, clock), "us-east-1")
    monkeypatch.setattr(bootstrap, "generator", lambda: generator)
    monkeypatch.setattr(bootstrap, "bucket", lambda: bucket)
    return generator


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
def send(generator: Generator) -> Send:  # noqa: ARG001 - puts the fakes in place
    """Sends a request through the HTTP door."""

    def send(method: str, path: str, body: object = None, **headers: str) -> Answer:
        text = body if isinstance(body, str | None) else json.dumps(body)
        answer = lambda_handler(http_event(method, path, text, **headers), FakeContext())
        named = {name.lower(): ",".join(values) for name, values in answer["multiValueHeaders"].items()}
        return Answer(HTTPStatus(answer["statusCode"]), named, answer["body"])

    return send
