"""The bill of materials of what is deployed: `python -m checks.sbom <built function> <file>` (`make sbom`).

Components are the distributions in the built package, each with its licence and the hashes that the build accepts.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checks.template import PROJECT

PINS = PROJECT / "functions" / "requirements.txt"
VERSION = re.compile(r'^VERSION = "(.+)"$', re.MULTILINE)

_PIN = re.compile(r"^([\w.-]+)==\S+.*\\\n((?: +--hash=sha256:[0-9a-f]{64}.*\n)+)", re.MULTILINE)
_HASH = re.compile(r"sha256:([0-9a-f]{64})")


def bill(package: Path) -> Bom:
    """Raises KeyError for a distribution that functions/requirements.txt does not pin."""
    hashes = accepted_hashes()
    shipped = {_name(each): each for each in distributions(path=[str(package)])}
    components = {name: _component(each, hashes[name]) for name, each in shipped.items()}
    bom = Bom(components=components.values())
    bom.metadata.component = Component(
        name="text-to-image-api", version=_version(package), type=ComponentType.APPLICATION
    )
    bom.register_dependency(bom.metadata.component, components.values())
    for name, component in components.items():
        bom.register_dependency(component, [components[each] for each in _needs(shipped[name]) if each in components])
    return bom


def accepted_hashes() -> Mapping[str, list[str]]:
    """The SHA-256 of each file that the build accepts, by the distribution's name."""
    return {canonicalize_name(name): _HASH.findall(lines) for name, lines in _PIN.findall(PINS.read_text())}


def _component(found: Distribution, hashes: Iterable[str]) -> Component:
    name = _name(found)
    return Component(
        name=name,
        version=found.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}@{found.version}",
        purl=PackageURL("pypi", name=name, version=found.version),
        licenses=[LicenseFactory().make_from_string(_licence(found))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
    )


def _licence(found: Distribution) -> str:
    """What the distribution declares: an SPDX expression, or else its classifiers or a name."""
    classifiers = (each.split(" :: ") for each in found.metadata.get_all("Classifier") or [])
    named = " OR ".join(words[-1] for words in classifiers if words[0] == "License")
    declared = found.metadata.json
    return str(declared.get("license_expression") or named or declared["license"])


def _needs(found: Distribution) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in found.requires or []}


def _name(found: Distribution) -> str:
    return canonicalize_name(found.metadata["Name"])


def _version(package: Path) -> str:
    declared = VERSION.search((package / "version.py").read_text())
    if declared is None:
        raise ValueError(f"{package}/version.py declares no VERSION")
    return declared[1]


def main(package: Path, file: Path) -> None:
    if not package.is_dir():
        sys.exit(f"There is no package {package}: build it with `sam build`.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(JsonV1Dot6(bill(package)).output_as_string(indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
