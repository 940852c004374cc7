"""The handlers on fakes, behind a session of `requests` that stands for API Gateway."""

from collections.abc import Generator
from typing import Any

import pytest

from bootstrap import Services
from local.gateway import Gateway
from tests.e2e.laptop import emulator, stack
from tests.fakes.bucket import FakeBucket
from tests.fakes.lambda_runtime import GATEWAY_TOKEN
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.fuzz import figures
from tests.fuzz.gateway import PUBLIC_KEY, InProcess
from tests.fuzz.options import CASES
from tests.unit.template import translated

__all__ = ["emulator", "stack"]

collect_ignore = [] if CASES else ["test_stack.py"]
"""`make fuzz` takes the minutes that requests to a stack need; `make test` does not."""


@pytest.fixture
def application(
    services: Services,  # noqa: ARG001 - puts the fakes in place
    table: FakeTable,
    bucket: FakeBucket,
    queue: FakeQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> InProcess:
    for name, value in {"PUBLIC_KEY": PUBLIC_KEY, "GATEWAY_TOKEN": GATEWAY_TOKEN, "CORS_ORIGINS": ""}.items():
        monkeypatch.setenv(name, value)
    return InProcess(_gateway(), table, bucket, queue)


def _gateway() -> Gateway:
    """API Gateway's own answers, as the template sets them without CORS."""
    body = translated()["Resources"]["Api"]["Properties"]["Body"]
    for response in body["x-amazon-apigateway-gateway-responses"].values():
        headers = response.get("responseParameters", {})
        response["responseParameters"] = {name: value for name, value in headers.items() if isinstance(value, str)}
    return Gateway(body)


_KINDS = {"test_events": "events", "test_properties": "properties"}
_REQUESTS = {"test_openapi": "requests in process", "test_stack": "requests to the laptop stack"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    module = item.path.stem
    if CASES and call.when == "call" and item.path.parent.name == "fuzz":
        if kind := _KINDS.get(module):
            figures.count_examples(kind, getattr(item, "hypothesis_statistics", ""))
        figures.failures[(_KINDS | _REQUESTS)[module]] += report.failed
    return report


def pytest_sessionfinish() -> None:
    if CASES and figures.cases:
        figures.write()
