"""Fixtures: the services on fakes, where the doors look for the real ones. A test may replace any part."""

import time

import pytest

import bootstrap
from bootstrap import Services
from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.events import FakeBus
from tests.fakes.queue import FakeQueue
from tests.fakes.receiver import FakeReceiver
from tests.fakes.table import FakeTable


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
def webhook_queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def receiver() -> FakeReceiver:
    return FakeReceiver()


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
    webhook_queue: FakeQueue,
    receiver: FakeReceiver,
    wall: FakeClock,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Services:
    """The services on fakes, where the doors look for the real ones."""

    def sleep(seconds: float) -> None:
        clock.advance(seconds)
        wall.advance(seconds)

    parts = (table, bucket, queue, bus, bedrock, webhook_queue, receiver)
    services = Services(settings, *parts, now=wall, clock=clock, sleep=sleep)
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    return services
