"""The doors beside HTTP, and what can happen in mid-work: a function dies, a call fails, somebody else is faster."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

import bootstrap
import sweeper.app
import webhooks.app
import worker.app
from aws.table import Change, TableError
from imaging.records.record import GenerationRecord
from tests.fakes.lambda_runtime import CALLER, FakeContext, event
from tests.fakes.table import FakeTable

LEASE_SECONDS = 126
"""After so long the attempt of a function that died can no longer run."""


class FunctionKilled(BaseException):
    """What no handler catches."""


def die() -> None:
    raise FunctionKilled


def refuse() -> None:
    raise TableError("InternalServerError")


def work(text: str, seconds: float = 120) -> bool:
    """Lets the worker see a message; whether it is done with it."""
    message = event("sqs")
    message["Records"][0]["body"] = text
    answer = worker.app.lambda_handler(message, FakeContext(seconds=seconds))
    return answer["batchItemFailures"] == []


def deliver(delivery_id: str) -> bool:
    """Lets the sender of webhooks see a message; whether it is done with it."""
    message = event("sqs")
    message["Records"][0]["body"] = delivery_id
    return webhooks.app.lambda_handler(message, FakeContext())["batchItemFailures"] == []


def sweep(seconds: float = 60) -> int:
    """Lets the sweeper run; how many generations were due."""
    return sweeper.app.lambda_handler({}, FakeContext(seconds=seconds))["due"]


def record(generation_id: str) -> GenerationRecord:
    found = bootstrap.services().store.find(generation_id)
    assert found is not None
    return found


def totals(table: FakeTable, scope: str = "stack", month: str = "") -> tuple[int, int]:
    """Micro-dollars spent and reserved by a caller, or by the whole stack."""
    (found,) = [
        total for key, total in table.records.items() if key.startswith(f"spend#{month}") and key.endswith(f"#{scope}")
    ]
    return found["spent"], found["committed"] - found["spent"]


def callers_totals(table: FakeTable) -> tuple[int, int]:
    return totals(table, CALLER)


def every_call(*_: object) -> bool:
    return True


def writes_image(changes: Sequence[Change], _token: str) -> bool:
    """Whether a write begins with an image's record, so that it is not the end of an attempt."""
    return changes[0].key.startswith("image#")


def writes_generation(changes: Sequence[Change], _token: str) -> bool:
    return changes[0].key.startswith("generation#")


@contextmanager
def at_call(
    number: int,
    part: object,
    method: str,
    *,
    counted: Callable[..., object] = every_call,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Something happens before or after one counted call of a part's method, counted from 0."""
    original, calls = getattr(part, method), itertools.count()

    def intercepted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the method
        is_it = counted(*arguments) and next(calls) == number
        if is_it:
            before()
        result = original(*arguments, **named)
        if is_it:
            after()
        return result

    with _replaced(part, method, intercepted):
        yield


@contextmanager
def killed_after(number: int, part: object, method: str, counted: Callable[..., object] = every_call) -> Iterator[None]:
    """The function dies when a part's method is called once more than that."""
    with pytest.raises(FunctionKilled), _failing_after(number, part, method, die, counted):
        yield


@contextmanager
def refused_after(
    number: int, table: FakeTable, method: str, counted: Callable[..., bool] = every_call
) -> Iterator[None]:
    """The table refuses a method after so many counted calls of it."""
    with _failing_after(number, table, method, refuse, counted):
        yield


@contextmanager
def _failing_after(
    number: int, part: object, method: str, fail: Callable[[], object], counted: Callable[..., object] = every_call
) -> Iterator[None]:
    original, calls = getattr(part, method), itertools.count()

    def failing(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the method
        if counted(*arguments) and next(calls) >= number:
            fail()
        return original(*arguments, **named)

    with _replaced(part, method, failing):
        yield


@contextmanager
def _replaced(part: object, method: str, replacement: Callable[..., Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(part, method, replacement)
        yield


@contextmanager
def counted_calls(table: FakeTable) -> Iterator[list[str]]:
    """The names of the calls to the table."""
    names: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        for method in ("get", "get_many", "put", "write", "listed"):
            patched.setattr(table, method, _noting(getattr(table, method), method, names))
        yield names


def _noting(original: Callable[..., Any], name: str, names: list[str]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the method
        names.append(name)
        return original(*arguments, **named)

    return noted
