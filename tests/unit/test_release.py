"""What a release publishes can be deployed as it is, and nothing is released that contradicts itself."""

import json
import zipfile
from pathlib import Path

import pytest

from checks import release
from checks.template import PROJECT, declared, source
from version import VERSION


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A folder as `sam build` leaves it: each function has its own copy of the same package."""
    folder = tmp_path / "build"
    content = source()
    for name, resource in content["Resources"].items():
        if resource.get("Metadata", {}).get("BuildMethod"):
            _package(folder / name, b"authorizer" if name == "AuthorizerFunction" else b"code")
            resource["Metadata"]["ContextPath"] = "package/arm64/python3.13"
            resource["Properties"]["ContentUri" if name.endswith("Layer") else "CodeUri"] = name
    (folder / "template.yaml").write_text(json.dumps(content))
    return folder


def _package(folder: Path, code: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "app.py").write_bytes(code)


def test_the_template_says_which_version_it_is() -> None:
    assert release.published() == VERSION


def test_the_application_repository_finds_readme_and_licence() -> None:
    published = source()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert {published["LicenseUrl"], published["ReadmeUrl"]} == set(release.ENCLOSED)
    assert (PROJECT / published["LicenseUrl"]).read_text().startswith(published["SpdxLicenseId"])
    assert len(published["Description"]) <= 256
    assert len(published["Labels"]) <= 10


def test_a_version_whose_tag_changelog_and_template_agree_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "notes", lambda: {VERSION: "### Added", "Unreleased": ""})
    assert list(release.disagreements(f"v{VERSION}")) == []


@pytest.mark.parametrize(
    ("tag", "notes", "named"),
    [
        ("v9.9.9", {VERSION: "### Added"}, "The tag is v9.9.9"),
        (f"v{VERSION}", {}, f"no section [{VERSION}]"),
        (f"v{VERSION}", {VERSION: "### Added", "Unreleased": "### Fixed"}, "under [Unreleased]"),
    ],
)
def test_a_contradiction_is_named(monkeypatch: pytest.MonkeyPatch, tag: str, notes: dict[str, str], named: str) -> None:
    monkeypatch.setattr(release, "notes", lambda: notes)
    (found,) = release.disagreements(tag)
    assert named in found


def test_a_release_is_refused_before_the_template_has_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "published", lambda: "0.0.1")
    assert any("SemanticVersion 0.0.1" in found for found in release.disagreements(f"v{VERSION}"))


def test_the_changelog_is_read_by_version() -> None:
    assert release.notes()[VERSION].startswith("### Added")
    assert "## [" not in "".join(release.notes().values())


def test_a_built_template_takes_only_what_it_was_built_for(build: Path) -> None:
    parameters = release.template(build)["Parameters"]
    assert parameters["Architecture"]["AllowedValues"] == ["arm64"]
    assert parameters["PythonRuntime"]["AllowedValues"] == ["python3.13"]


def test_each_layer_that_a_release_leaves_out_is_refused_by_its_parameter(build: Path) -> None:
    layers = [each for each in source()["Resources"].values() if each["Type"] == "AWS::Serverless::LayerVersion"]
    optional = [each for each in layers if "package/none" in str(each["Metadata"]["ContextPath"])]
    assert len(optional) == len(release.LEFT_OUT)
    off = declared("default")
    parameters = release.template(build)["Parameters"]
    assert {name: parameters[name]["AllowedValues"] for name in release.LEFT_OUT} == {
        name: [off[name]] for name in release.LEFT_OUT
    }


def test_the_archive_has_each_package_once_and_what_the_template_names(build: Path, tmp_path: Path) -> None:
    with _archive(build, tmp_path / "once.zip") as archive:
        names = set(archive.namelist())
        content = json.loads(archive.read("template.json"))
    assert names >= {"LICENSE", "README.md", "ApiFunction/app.py", "AuthorizerFunction/app.py", "TracingLayer/app.py"}
    assert not names & {"WorkerFunction/app.py", "SweeperFunction/app.py"}
    uris = [each["Properties"]["CodeUri"] for each in content["Resources"].values() if "CodeUri" in each["Properties"]]
    assert uris
    assert {f"{uri}/app.py" for uri in uris} <= names


def test_the_same_build_gives_the_same_archive(build: Path, tmp_path: Path) -> None:
    files = [tmp_path / "one.zip", tmp_path / "other.zip"]
    for file in files:
        _archive(build, file).close()
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_checksums_cover_everything_that_is_published(tmp_path: Path) -> None:
    published = ["text-to-image-api-1.0.0-arm64.zip", "text_to_image_client-1.0.0-py3-none-any.whl"]
    for name in (*published, ".gitignore"):
        (tmp_path / name).write_text(name)
    release.finish(tmp_path)
    assert [line.split()[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()] == published
    workflow = (PROJECT / ".github" / "workflows" / "release.yml").read_text()
    assert f"{' '.join(release.ASSETS)} SHA256SUMS" in workflow


def _archive(build: Path, file: Path) -> zipfile.ZipFile:
    release.archive(release.members(build, release.template(build)), file)
    return zipfile.ZipFile(file)
