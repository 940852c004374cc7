"""How an attempt ends while the table fails, and what its record then holds."""

from dataclasses import replace

import pytest

from bootstrap import Services
from imaging.deadline import Deadline
from imaging.records.attempt import Attempt
from imaging.requests.request import GenerationRequest
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send
from tests.unit.doors import FunctionKilled, die, record

FOX = {"text": "a fox"}
REFUSED = ["InternalServerError", "InternalServerError"]
"""A write, and the read that looks whether it was applied."""


@pytest.fixture
def running(send: Send, bedrock: FakeBedrock, table: FakeTable) -> str:
    """A generation whose model is being called."""
    bedrock.meanwhile.append(die)
    with pytest.raises(FunctionKilled):
        send("POST", "/generate", FOX)
    (key,) = [key for key in table.records if key.startswith("generation#")]
    return key.removeprefix("generation#")


@pytest.mark.parametrize(("remaining", "pauses"), [(60.0, [0.5, 1]), (0.5, [0.25, 0.25])])
def test_the_pauses_at_an_attempts_end_take_at_most_half_of_the_remaining_time(
    services: Services, table: FakeTable, running: str, remaining: float, pauses: list[float]
) -> None:
    slept: list[float] = []
    store = replace(services.store, sleep=slept.append)
    deadline = Deadline.after(remaining, FakeClock())
    attempt = Attempt(record(running), GenerationRequest(text="a fox"), (), deadline)
    table.refusals = REFUSED * 2
    store.end(attempt, lambda _: {"status": "failed"})
    assert slept == pauses
    assert record(running).status == "failed"


def test_a_record_holds_its_expiry_once_and_nothing_that_is_unknown(table: FakeTable, running: str) -> None:
    stored = table.records[f"generation#{running}"]
    assert "expires_at" not in stored
    assert None not in stored.values()
