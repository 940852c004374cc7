"""What the page's server remembers for whoever reloads the page."""

import pytest

from studio import visit
from studio.visit import Intent, Intents


def test_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "INTENTS_REMEMBERED", 2)
    intents = Intents()

    for name in ("first", "second", "third"):
        intents.keep(name, Intent({"text": name}))

    assert intents.find("first") is None
    assert [intent.request for name in ("second", "third") if (intent := intents.find(name))] == [
        {"text": "second"},
        {"text": "third"},
    ]


def test_what_is_a_day_old_is_forgotten() -> None:
    intents = Intents()
    old = Intent({"text": "yesterday"})
    intents.keep("old", old)
    intents.keep("new", Intent({"text": "today"}))

    old.begun_at -= visit.SECONDS_REMEMBERED + 1

    assert intents.find("old") is None
    assert intents.find("new")
