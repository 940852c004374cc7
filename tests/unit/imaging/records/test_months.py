"""Spend is counted by the month of UTC, wherever the process runs."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bootstrap import Services

NEARLY_NOVEMBER = datetime(2026, 10, 31, 23, tzinfo=UTC).timestamp()


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose time is 14 hours ahead of UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "EAST-14")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_the_month_is_that_of_utc(services: Services) -> None:
    ledger = replace(services.store.ledger, now=lambda: NEARLY_NOVEMBER)
    assert ledger.month() == "2026-10"
    assert list(ledger.images_by_month()) == ["2026-10", "2026-09"]


def test_nothing_of_a_cap_is_used_before_the_months_first_request(services: Services) -> None:
    assert replace(services.store.ledger, stack_cap=1).stack_used() == 0
