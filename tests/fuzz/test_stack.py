"""Random requests by the OpenAPI document to a laptop stack, for `make fuzz`."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.errors import FlakyStrategyDefinition

from tests.e2e.laptop import Emulator, Stack
from tests.fuzz import openapi
from tests.fuzz.options import CASES, SEED, bounded

ON_THE_STACK = "requests to the laptop stack"

schema = openapi.schema()


@pytest.fixture
def request_of(stack: Stack, emulator: Emulator) -> dict[str, Any]:
    emulator.configure(ready_pictures=True)
    return {"base_url": stack.description["api_url"], "headers": {"x-api-key": stack.description["api_key"]}}


@schema.parametrize()
@bounded(25)
def test_every_answer_is_documented(case: openapi.Case, request_of: dict[str, Any]) -> None:
    openapi.check(case, request_of, ON_THE_STACK)


def test_every_sequence_of_requests_is_answered_as_documented(request_of: dict[str, Any]) -> None:
    """Hypothesis ends a run when the same requests get other answers than before, as on a stack that remembers."""
    for run in range(0, CASES, 10):
        with suppress(FlakyStrategyDefinition):
            how = settings(bounded(1), max_examples=10, stateful_step_count=8)
            openapi.check_sequences(schema, request_of, ON_THE_STACK, how, seed=SEED + run)
