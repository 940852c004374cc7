"""Random requests by the OpenAPI document to a laptop stack, for `make fuzz`."""

from typing import Any

import pytest

from tests.e2e.laptop import Emulator, Stack
from tests.fuzz import openapi
from tests.fuzz.options import CASES, bounded

pytestmark = pytest.mark.skipif(not CASES, reason="`make fuzz` runs this, for minutes")

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
    openapi.check_sequences(schema, request_of, ON_THE_STACK, bounded(25, stateful_step_count=8))
