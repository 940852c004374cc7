"""What ships, builds, tests and checks is pinned by hashes, and names no package registry."""

import json
import re
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from checks.template import PROJECT

PINNED = [
    PROJECT / "functions" / "requirements.txt",
    PROJECT / "package" / "signing" / "requirements.txt",
    PROJECT / "studio" / "requirements.txt",
    *(PROJECT / "requirements").rglob("*.txt"),
]
LOCKS = [
    PROJECT / folder / "package-lock.json"
    for folder in ("checks/openapi", "checks/secrets", "checks/workflows", "tests/clients/javascript")
]
WORKFLOWS = [*(PROJECT / ".github" / "workflows").glob("*.yml")]


def _name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("file", PINNED, ids=_name)
def test_each_distribution_has_a_version_and_hashes(file: Path) -> None:
    entries = re.sub(r" *\\\n *", " ", re.sub(r"^ *#.*\n", "", file.read_text(), flags=re.MULTILINE)).splitlines()
    assert entries
    assert [entry for entry in entries if not re.match(r"\S+==\S+( ;.*)? --hash=sha256:[0-9a-f]{64}", entry)] == []
    assert "index-url" not in file.read_text()


@pytest.mark.parametrize("file", LOCKS, ids=_name)
def test_each_package_has_its_hash(file: Path) -> None:
    packages = {name: package for name, package in json.loads(file.read_text())["packages"].items() if name}
    assert [name for name, package in packages.items() if "integrity" not in package or "resolved" in package] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=_name)
def test_each_action_is_pinned_by_its_commit(file: Path) -> None:
    actions = [action for action in re.findall(r"uses: *(\S+)", file.read_text()) if not action.startswith("./")]
    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []


def test_dependabot_looks_into_every_folder_with_pins() -> None:
    config = yaml_parse((PROJECT / ".github" / "dependabot.yml").read_text())
    watched = {folder for update in config["updates"] for folder in update.get("directories", [])}
    assert watched == {f"/{file.parent.relative_to(PROJECT)}" for file in (*PINNED, *LOCKS)}
    assert [update["directory"] for update in config["updates"] if "directory" in update] == ["/"]
