"""The metrics that alarms watch: when they are published, and with which value."""

import pytest

from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.unit.conftest import Send
from tests.unit.doors import LEASE_SECONDS, FunctionKilled, die, sweep
from tests.unit.emitted import values

FOX = {"text": "a fox", "model": "core"}


def published(capsys: pytest.CaptureFixture[str], name: str) -> list[float]:
    """The metric's values since the last look."""
    return values(capsys.readouterr().out, name)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"monthly_budget_usd": 0.1})


def test_a_generation_with_an_image_counts_as_one(send: Send, capsys: pytest.CaptureFixture[str]) -> None:
    send("POST", "/generate", FOX)
    assert published(capsys, "GenerationSucceeded") == [1]


def test_a_failure_counts_as_nothing_made_unless_its_caller_caused_it(
    send: Send, bedrock: FakeBedrock, capsys: pytest.CaptureFixture[str]
) -> None:
    bedrock.refuse("ServiceUnavailableException")
    send("POST", "/generate", FOX)
    assert published(capsys, "GenerationSucceeded") == [0]
    bedrock.refuse("ValidationException")
    assert send("POST", "/generate", FOX).status == 400
    assert published(capsys, "GenerationSucceeded") == []


def test_throttled_calls_are_counted_and_no_others(
    send: Send, bedrock: FakeBedrock, capsys: pytest.CaptureFixture[str]
) -> None:
    bedrock.refuse("ThrottlingException")
    send("POST", "/generate", FOX)
    assert published(capsys, "ModelThrottled") == [1]
    bedrock.refuse("ServiceUnavailableException")
    send("POST", "/generate", FOX)
    assert published(capsys, "ModelThrottled") == []


def test_a_refused_budget_is_counted(send: Send, capsys: pytest.CaptureFixture[str]) -> None:
    assert send("POST", "/generate", FOX | {"number_of_images": 2}).status == 200
    assert published(capsys, "BudgetRefused") == []
    assert send("POST", "/generate", FOX | {"seed": 2}).status == 402
    assert published(capsys, "BudgetRefused") == [1]


def test_a_budget_that_is_only_reserved_for_others_is_not_refused(
    send: Send, bedrock: FakeBedrock, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = []
    bedrock.meanwhile.append(lambda: refused.append(send("POST", "/generate", FOX | {"seed": 2}).status))
    send("POST", "/generate", FOX | {"number_of_images": 2})
    assert refused == [402]
    assert published(capsys, "BudgetRefused") == []


def test_what_is_reserved_counts_as_used(send: Send, bedrock: FakeBedrock, capsys: pytest.CaptureFixture[str]) -> None:
    bedrock.meanwhile.append(sweep)
    send("POST", "/generate", FOX)
    sweep()
    assert published(capsys, "BudgetUsedPercent") == [pytest.approx(40)] * 2


def test_nothing_is_used_of_a_budget_before_the_first_image(send: Send, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001 - puts the fakes in place
    sweep()
    assert published(capsys, "BudgetUsedPercent") == [0]


def test_an_expired_reservation_is_counted_where_it_is_spent(
    send: Send, bedrock: FakeBedrock, wall: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    bedrock.meanwhile.append(die)
    with pytest.raises(FunctionKilled):
        send("POST", "/generate", FOX)
    wall.advance(LEASE_SECONDS)
    sweep()
    assert published(capsys, "ReservationExpired") == [1]
