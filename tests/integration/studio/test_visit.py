"""The intents that the studio remembers for page reloads."""

import pytest

from studio import visit
from studio.visit import Intent, Intents


def test_the_newest_intents_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "MAX_INTENTS", 2)
    intents = Intents()

    for name in ("first", "second", "third"):
        intents.add(name, Intent({"text": name}))

    assert intents.find("first") is None
    assert [intent.request for name in ("second", "third") if (intent := intents.find(name))] == [
        {"text": "second"},
        {"text": "third"},
    ]


def test_intents_expire_after_a_day() -> None:
    intents = Intents()
    old = Intent({"text": "yesterday"})
    intents.add("old", old)
    intents.add("new", Intent({"text": "today"}))

    old.begun_at -= visit.MAX_AGE_SECONDS + 1

    assert intents.find("old") is None
    assert intents.find("new")
