"""Files that hold keys belong to their owner alone."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import keys
from local.places import Places, write_json, write_private


@pytest.fixture(autouse=True)
def _open_to_everybody() -> Iterator[None]:
    """The most careless mask that a developer can have."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    "name", ["description", "front", "keys", "invocation", "options", "shell_variables", "aws_variables"]
)
def test_only_the_owner_reads_a_file_of_the_stack(tmp_path: Path, name: str) -> None:
    path: Path = getattr(Places(tmp_path), name)
    path.write_text("from an older version")
    path.chmod(0o666)

    write_json(path, {"api_key": "secret"})

    assert (mode(path), path.read_text()) == (0o600, '{\n  "api_key": "secret"\n}\n')


def test_at_no_moment_can_others_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    monkeypatch.setattr(Path, "write_text", lambda path, _: modes.append(mode(path)))
    (tmp_path / ".env.half").touch(0o666)

    write_private(tmp_path / "env", "export API_KEY=secret")

    assert modes == [0o600]


def test_new_keys_are_stored_privately(tmp_path: Path) -> None:
    keys._store(Places(tmp_path), [keys.StoredKey("first", "secret")])  # noqa: SLF001 - without a stack
    assert mode(Places(tmp_path).keys) == 0o600


def test_only_the_owner_enters_the_folders_of_logs_and_services(tmp_path: Path) -> None:
    places = Places(tmp_path / "stack")
    places.make()
    assert {mode(folder) for folder in (places.logs, places.processes, places.scratch)} == {0o700}
