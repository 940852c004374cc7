"""Doors and use case on fakes: no socket is opened, no AWS client made."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
from pytest_socket import disable_socket

import bootstrap
from api.app import lambda_handler
from imaging.announcing import Announcer
from imaging.attempts import Attempts
from imaging.gallery import Gallery
from imaging.generate import Generator
from imaging.jobs import Jobs
from imaging.once import Once
from imaging.routing import Router
from imaging.spending import Spending, micros
from observability import logger
from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.counters import FakeCounters
from tests.fakes.events import FakeBus
from tests.fakes.idempotency import FakeIdempotency
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
def table() -> FakeTable:
    return FakeTable()


@pytest.fixture
def wall() -> FakeClock:
    """The time of day, as jobs see it."""
    return FakeClock(time.time())


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def counters() -> FakeCounters:
    return FakeCounters()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def idempotency() -> FakeIdempotency:
    return FakeIdempotency()


@pytest.fixture
def environment(lists: dict[str, str]) -> dict[str, str]:
    return {
        "AWS_REGION": "us-east-1",
        "BUCKET_NAME": "bucket",
        "TABLE_NAME": "table",
        "STANDARD_MODELS": lists["standard"],
        "PREMIUM_MODELS": lists["premium"],
        "MODEL_PRICES": "",
        "LINK_MINUTES": "30",
        "RETENTION_DAYS": "30",
        "DEDUPLICATION_MINUTES": "60",
        "QUEUE_URL": "queue",
        "DEAD_LETTER_QUEUE_URL": "dead-letters",
        "JOB_HOURS": "6",
        "EVENT_BUS_NAME": "default",
        "EVENT_SOURCE": "text-to-image-api",
        "MONTHLY_BUDGET_USD": "0",
        "MONTHLY_BUDGET_PER_KEY_USD": "0",
        "CORS_ORIGINS": "",
        "DOCS": "true",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.from_environment(environment)


@pytest.fixture
def generator(
    bedrock: FakeBedrock,
    bucket: FakeBucket,
    table: FakeTable,
    clock: FakeClock,
    wall: FakeClock,
    idempotency: FakeIdempotency,
    queue: FakeQueue,
    bus: FakeBus,
    counters: FakeCounters,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator:
    """The use case on fakes, which both doors find where they look for the real one."""
    lists = {"standard": settings.standard_models, "premium": settings.premium_models}
    gallery = Gallery(bucket, table, timedelta(days=settings.retention_days))
    generator = Generator(bedrock, gallery, Router(lists, clock), settings.aws_region, sleep=clock.advance)
    spending = Spending(
        counters, micros(settings.monthly_budget_usd) or None, micros(settings.monthly_budget_per_key_usd) or None, wall
    )
    once = Once(
        generator,
        gallery,
        Announcer(bus),
        spending,
        idempotency,
        idempotency,
        settings.deduplication_minutes * 60,
        sleep=clock.advance,
        clock=clock,
    )
    parts = {
        "settings": settings,
        "bucket": bucket,
        "table": table,
        "gallery": gallery,
        "generator": generator,
        "once": once,
        "spending": spending,
        "attempts": Attempts(table, wall),
        "queue": queue,
        "jobs": Jobs(table, queue, once, kept_seconds=86_400, deadline_seconds=6 * 3600, now=wall),
    }
    for name, part in parts.items():
        monkeypatch.setattr(bootstrap, name, partial(lambda part: part, part))
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

    def send(method: str, target: str, body: object = None, caller: str = CALLER, **headers: str) -> Answer:
        text = body if isinstance(body, str | None) else json.dumps(body)
        answer = lambda_handler(http_event(method, target, text, caller=caller, **headers), FakeContext())
        named = {name.lower(): ",".join(values) for name, values in answer["multiValueHeaders"].items()}
        return Answer(HTTPStatus(answer["statusCode"]), named, answer["body"])

    return send
