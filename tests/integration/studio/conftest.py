"""The studio beside a fake API that is really served."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.studio_api import KEY, FakeApi, served


@pytest.fixture
def served_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeApi]:
    """The environment tells of it, as it would of a deployed one."""
    monkeypatch.chdir(tmp_path)
    api = FakeApi()
    with served(api) as url:
        monkeypatch.setenv("API_URL", url)
        monkeypatch.setenv("API_KEY", KEY)
        yield api
