"""GET /usage: a key's month, also one that is over."""

from datetime import UTC, datetime

import pytest

from tests.fakes.clock import FakeClock
from tests.unit.conftest import Send

FOX = {"text": "a fox", "model": "core"}


@pytest.fixture
def wall() -> FakeClock:
    return FakeClock(datetime(2026, 10, 31, 12, tzinfo=UTC).timestamp())


def test_a_month_that_is_over_can_still_be_seen(send: Send, wall: FakeClock) -> None:
    send("POST", "/generate", FOX)
    wall.advance(86_400)
    send("POST", "/generate", FOX | {"number_of_images": 2})

    october, november = send("GET", "/usage?month=2026-10").json, send("GET", "/usage").json

    assert (october["month"], october["spent_usd"], october["images"]) == ("2026-10", 0.04, 1)
    assert (november["month"], november["spent_usd"], november["images"]) == ("2026-11", 0.08, 2)


def test_a_month_without_a_request_is_empty(send: Send) -> None:
    answer = send("GET", "/usage?month=2031-01").json
    assert (answer["spent_usd"], answer["reserved_usd"], answer["images"]) == (0, 0, 0)


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "october", "2026-10-01"])
def test_another_form_is_refused(send: Send, month: str) -> None:
    answer = send("GET", f"/usage?month={month}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["field"] == "month"
