"""The studio with a fake API at a real address."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.studio_api import KEY, FakeApi, served


@pytest.fixture
def served_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeApi]:
    """Serve the fake API and configure it by environment variables."""
    monkeypatch.chdir(tmp_path)
    api = FakeApi()
    with served(api) as url:
        monkeypatch.setenv("API_URL", url)
        monkeypatch.setenv("API_KEY", KEY)
        yield api
