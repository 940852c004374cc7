"""One version, everywhere the same."""

import re

from checks.template import PROJECT
from tests.unit.conftest import Send
from version import VERSION

CHANGELOG = (PROJECT / "CHANGELOG.md").read_text()


def test_the_changelogs_latest_release_is_this_version() -> None:
    latest = re.search(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)
    assert latest
    assert latest[1] == VERSION


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    assert "## [Unreleased]" in CHANGELOG


def test_the_api_reports_its_version(send: Send) -> None:
    assert send("GET", "/health").json["version"] == VERSION
    assert send("GET", "/openapi.json").json["info"]["version"] == VERSION
