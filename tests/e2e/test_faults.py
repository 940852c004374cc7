"""Errors for the caller when a service behind the API fails."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.laptop import Emulator, Stack


def test_throttling_returns_a_retry_after(api: httpx.Client, emulator: Emulator, documented: dict[str, Any]) -> None:
    emulator.configure(faults=[{"model": "*", "error": "ThrottlingException", "rate": 1}])

    answer = api.post("/generate", json=documented)

    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.fixture
def broken_function(stack: Stack) -> Iterator[None]:
    functions = stack.client("lambda")
    handler = functions.get_function_configuration(FunctionName=stack.function)["Handler"]
    functions.update_function_configuration(FunctionName=stack.function, Handler="secrets.nowhere")
    yield
    functions.update_function_configuration(FunctionName=stack.function, Handler=handler)


@pytest.mark.usefixtures("broken_function")
def test_a_function_error_reveals_nothing(api: httpx.Client, documented: dict[str, Any]) -> None:
    answer = api.post("/generate", json=documented)

    assert (answer.status_code, answer.headers["content-type"]) == (502, "application/problem+json")
    assert answer.json()["code"] == "internal_error"
    assert "nowhere" not in answer.text
