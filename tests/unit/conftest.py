"""Doors and use case on fakes: no socket is opened, no AWS client made."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from pytest_socket import disable_socket

from api.app import lambda_handler
from bootstrap import Services
from observability import logger
from tests.fakes.lambda_runtime import CALLER, FakeContext, http_event


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    disable_socket()


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
