"""`make sbom`: every distribution of the built package is listed, with what the build accepts of it."""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from checks.template import PROJECT
from version import VERSION


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("package")
    _run("package.build", "functions", "x86_64", "python3.13", str(built))
    return built


@pytest.fixture(scope="module")
def text(package: Path) -> str:
    file = package.with_suffix(".json")
    _run("checks.sbom", str(package), str(file))
    return file.read_text()


@pytest.fixture
def bill(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    return content


def test_it_is_cyclonedx(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_it_describes_this_version(bill: dict[str, Any]) -> None:
    described = bill["metadata"]["component"]
    assert (described["name"], described["version"]) == ("text-to-image-api", VERSION)


def test_it_lists_exactly_what_is_shipped(bill: dict[str, Any], package: Path) -> None:
    shipped = {(found.metadata["Name"].lower().replace("_", "-"), found.version) for found in _distributions(package)}
    assert {(each["name"], each["version"]) for each in bill["components"]} == shipped


def test_each_has_its_licence_its_address_and_the_hashes_that_the_build_accepts(bill: dict[str, Any]) -> None:
    pins = (PROJECT / "functions" / "requirements.txt").read_text()
    for each in bill["components"]:
        assert each["licenses"]
        assert each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}"
        assert each["hashes"]
        assert all(f"sha256:{found['content']}" in pins for found in each["hashes"])


def test_it_tells_what_needs_what(bill: dict[str, Any]) -> None:
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    [botocore] = [each["bom-ref"] for each in bill["components"] if each["name"] == "botocore"]
    [boto3] = [each["bom-ref"] for each in bill["components"] if each["name"] == "boto3"]
    assert botocore in needs[boto3]
    assert boto3 in needs[bill["metadata"]["component"]["bom-ref"]]


def test_a_distribution_that_is_not_pinned_is_refused(package: Path, tmp_path: Path) -> None:
    (tmp_path / "version.py").write_text((package / "version.py").read_text())
    unpinned = tmp_path / "unpinned-1.0.dist-info"
    unpinned.mkdir()
    (unpinned / "METADATA").write_text("Metadata-Version: 2.1\nName: unpinned\nVersion: 1.0\n")

    refused = _started("checks.sbom", str(tmp_path), str(tmp_path / "sbom.json"))

    assert refused.returncode
    assert "KeyError: 'unpinned'" in refused.stderr


def _distributions(package: Path) -> list[Any]:
    return list(distributions(path=[str(package)]))


def _run(*words: str) -> None:
    ended = _started(*words)
    assert ended.returncode == 0, ended.stderr


def _started(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
