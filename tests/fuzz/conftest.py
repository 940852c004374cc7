"""The handlers on fakes, behind a session of `requests` that stands for API Gateway."""

import time

import pytest

import bootstrap
from bootstrap import Services
from local.gateway import Gateway
from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.events import FakeBus
from tests.fakes.lambda_runtime import GATEWAY_TOKEN
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.fuzz.gateway import PUBLIC_KEY, InProcess
from tests.unit.template import translated


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def services(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The services on fakes, where the doors look for the real ones."""
    settings = Settings.from_environment(ENVIRONMENT)
    clock, wall = FakeClock(), FakeClock(time.time())

    def sleep(seconds: float) -> None:
        clock.advance(seconds)
        wall.advance(seconds)

    fakes = (FakeTable(now=wall), FakeBucket(), queue, FakeBus(), FakeBedrock())
    made = Services(settings, *fakes, now=wall, clock=clock, sleep=sleep)
    monkeypatch.setattr(bootstrap, "services", lambda: made)
    for name, value in {"PUBLIC_KEY": PUBLIC_KEY, "GATEWAY_TOKEN": GATEWAY_TOKEN, "CORS_ORIGINS": ""}.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def application(services: Services, queue: FakeQueue) -> InProcess:  # noqa: ARG001 - puts the fakes in place
    return InProcess(_gateway(), queue)


def _gateway() -> Gateway:
    """API Gateway's own answers, as the template sets them without CORS."""
    body = translated()["Resources"]["Api"]["Properties"]["Body"]
    for response in body["x-amazon-apigateway-gateway-responses"].values():
        headers = response.get("responseParameters", {})
        response["responseParameters"] = {name: value for name, value in headers.items() if isinstance(value, str)}
    return Gateway(body)
