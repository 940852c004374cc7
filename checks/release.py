"""What a release publishes, and what must agree before it does.

`python -m checks.release check v1.2.0` compares the tag with the version, the changelog and the template.
`python -m checks.release pack <build> <folder>` packs what `sam build` made, and lists what is in it (CycloneDX).
`python -m checks.release finish <folder>` writes the release's notes, and SHA256SUMS.
"""

import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from checks import sbom
from checks.template import PROJECT, source
from version import VERSION

NAME = "text-to-image-api"
ASSETS = (f"{NAME}-*", "text_to_image_client-*.whl")
ENCLOSED = ("LICENSE", "README.md")
"""What the template's metadata names."""

LEFT_OUT = {
    "SigningKeyArn": "This build has no C2PA library. To sign images, build from source: docs/provenance.md.",
}
"""Parameters that need a layer which only a build of one's own has."""

_SECTION = re.compile(r"^## \[([^]]+)\](?: - \d{4}-\d\d-\d\d)?\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def notes() -> Mapping[str, str]:
    """Return what the changelog says of each version, and of what is unreleased."""
    changelog = (PROJECT / "CHANGELOG.md").read_text()
    return {version: text.strip() for version, text in _SECTION.findall(changelog)}


def published() -> str:
    """Return the version that the AWS Serverless Application Repository would show."""
    return str(source()["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"])


def disagreements(tag: str) -> Iterator[str]:
    if tag != f"v{VERSION}":
        yield f"The tag is {tag}, but functions/version.py says {VERSION}. Tag v{VERSION}, or change the version."
    if published() != VERSION:
        yield f"template.yaml has SemanticVersion {published()}, but functions/version.py says {VERSION}."
    if not notes().get(VERSION):
        yield f"CHANGELOG.md has no section [{VERSION}]. Rename [Unreleased] to it, with the date."
    if notes().get("Unreleased"):
        yield "CHANGELOG.md has changes under [Unreleased]. Move them to a version."


def template(build: Path) -> dict[str, Any]:
    """Return the built template: it names each package once, and refuses parameters that none was built for."""
    content: dict[str, Any] = yaml_parse((build / "template.yaml").read_text())
    for name, value in _built_for(content).items():
        content["Parameters"][name] |= {"Default": value, "AllowedValues": [value]}
    for name, why in LEFT_OUT.items():
        parameter = content["Parameters"][name]
        parameter |= {"AllowedValues": [parameter["Default"]], "ConstraintDescription": why}
    packages: dict[str, str] = {}
    for resource in content["Resources"].values():
        if resource.get("Metadata", {}).get("BuildMethod"):
            del resource["Metadata"]
        if uri := resource["Properties"].get("CodeUri"):
            resource["Properties"]["CodeUri"] = packages.setdefault(_digest(build / uri), uri)
    return content


def pack(build: Path, folder: Path) -> None:
    content = template(build)
    stem = f"{NAME}-{VERSION}-{content['Parameters']['Architecture']['Default']}"
    folder.mkdir(parents=True, exist_ok=True)
    archive(members(build, content), folder / f"{stem}.zip")
    sbom.main(build / content["Resources"]["ApiFunction"]["Properties"]["CodeUri"], folder / f"{stem}.cdx.json")


def finish(folder: Path) -> None:
    assets = sorted(path for pattern in ASSETS for path in folder.glob(pattern))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in assets]
    (folder / "SHA256SUMS").write_text("".join(lines))
    (folder / "notes.md").write_text(notes()[VERSION] + "\n")


def _built_for(content: dict[str, Any]) -> Mapping[str, str]:
    """Return the processor and the runtime, after which the build's folder is named."""
    _, architecture, runtime = content["Resources"]["ApiFunction"]["Metadata"]["ContextPath"].split("/")
    return {"Architecture": architecture, "PythonRuntime": runtime}


def members(build: Path, content: dict[str, Any]) -> Mapping[str, bytes]:
    """Return the archive's files by name."""
    properties = [resource["Properties"] for resource in content["Resources"].values()]
    packages = {each[name] for each in properties for name in ("CodeUri", "ContentUri") if name in each}
    paths = [path for package in packages for path in (build / package).rglob("*") if path.is_file()]
    return {
        "template.json": json.dumps(content, indent=1).encode(),
        **{name: (PROJECT / name).read_bytes() for name in ENCLOSED},
        **{str(path.relative_to(build)): path.read_bytes() for path in paths},
    }


def archive(members: Mapping[str, bytes], file: Path) -> None:
    """Write the same bytes for the same files."""
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, members[name], zipfile.ZIP_DEFLATED)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def main(command: str, *arguments: str) -> None:
    if command == "check":
        sys.exit("\n".join(disagreements(*arguments)) or 0)
    elif command == "pack":
        pack(*map(Path, arguments))
    else:
        finish(*map(Path, arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
