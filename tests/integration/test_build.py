"""`sam build`: each environment's package matches its declared processor and runtime."""

import os
import re
import struct
import subprocess
import venv
from pathlib import Path

import pytest

from checks.template import CONFIGURATION, ENVIRONMENTS, PROJECT, declared, source

SAM = PROJECT / ".local" / "venvs" / "sam" / "bin" / "sam"
ELF_MACHINES = {"x86_64": 62, "arm64": 183}
GLIBC_OF_AMAZON_LINUX_2023 = (2, 34)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_compiled_file_is_for_the_declared_platform(environment: str, tmp_path: Path) -> None:
    build(environment, tmp_path)
    parameters = declared(environment)
    assert [path.name for path in tmp_path.glob("AuthorizerFunction/*.py")]
    for function in functions():
        compiled = list(shared_objects(tmp_path / function))
        assert {elf_machine(path) for path in compiled} == {ELF_MACHINES[parameters["Architecture"]]}
        assert python_tags(compiled) == {parameters["PythonRuntime"].replace("python", "cpython-").replace(".", "")}
        assert max(map(needed_glibc, compiled)) <= GLIBC_OF_AMAZON_LINUX_2023


@pytest.mark.parametrize("processor", ELF_MACHINES)
def test_the_signing_layer_has_the_library_for_the_processor_where_lambda_looks(processor: str, tmp_path: Path) -> None:
    layer = tmp_path / "SigningLayer"
    built = package(PROJECT / "package" / "signing", processor, "python3.13", layer)
    assert built.returncode == 0, built.stderr
    (library,) = shared_objects(layer / "python" / "c2pa")
    assert elf_machine(library) == ELF_MACHINES[processor]
    assert needed_glibc(library) <= GLIBC_OF_AMAZON_LINUX_2023
    assert sum(path.stat().st_size for path in layer.rglob("*")) < 30_000_000


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_build_and_deployment_read_one_list_of_parameters(environment: str) -> None:
    having = [command for command, tables in CONFIGURATION[environment].items() if "parameter_overrides" in str(tables)]
    assert having in ([], ["global"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_is_deployed_without_a_build(environment: str, tmp_path: Path) -> None:
    for name in ("template.yaml", "samconfig.toml", "functions"):
        (tmp_path / name).symlink_to(PROJECT / name)
    refused = sam("deploy", "--config-env", environment, "--no-confirm-changeset", folder=tmp_path)
    assert refused.returncode
    assert f"Template file not found at {tmp_path}/.aws-sam/build/template.yaml" in refused.stderr


def test_a_download_whose_hash_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    functions.mkdir()
    (functions / "requirements.txt").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    built = package(functions, "arm64", "python3.13", tmp_path / "artifacts")
    assert built.returncode
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in built.stderr
    assert not (tmp_path / "artifacts").exists()


def test_without_pip_the_build_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# nothing that was downloaded before\n")
    bare = tmp_path / "bare"
    venv.create(bare)
    command = [str(bare / "bin" / "python"), str(PROJECT / "package" / "build.py")]
    built = subprocess.run(  # noqa: S603 - our own command
        [*command, str(tmp_path), "x86_64", "python3.13", str(tmp_path / "artifacts")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode
    assert "apt-get install python3-pip" in built.stderr


def test_no_pin_depends_on_the_machine_that_builds() -> None:
    # pip evaluates such conditions for the Python that it runs in, not for the one that it downloads for.
    assert ";" not in (PROJECT / "functions" / "requirements.txt").read_text()


def test_every_platform_that_the_parameters_allow_can_be_built_for() -> None:
    parameters = source()["Parameters"]
    allowed = {
        f"{processor}/{runtime}"
        for processor in parameters["Architecture"]["AllowedValues"]
        for runtime in parameters["PythonRuntime"]["AllowedValues"]
    }
    package = PROJECT / "package"
    assert {str(path.parent.relative_to(package)) for path in package.glob("*/python*/Makefile")} == allowed


def build(environment: str, folder: Path) -> None:
    ended = sam("build", "--config-env", environment, "--build-dir", str(folder))
    assert ended.returncode == 0, ended.stderr


def sam(*words: str, folder: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(  # noqa: S603 - our own command
        [str(SAM), *words],
        cwd=folder,
        env=kept | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def package(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(PROJECT / "package" / "build"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command


def functions() -> list[str]:
    """Those with dependencies: all but the authorizer, which is a package of its own."""
    resources = source()["Resources"].items()
    return [
        name
        for name, resource in resources
        if resource["Type"] == "AWS::Serverless::Function" and "CodeUri" not in resource["Properties"]
    ]


def shared_objects(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if re.search(r"\.so(\.\d+)*$", path.name)]


def elf_machine(path: Path) -> int:
    magic, machine = struct.unpack_from("<4s14xH", path.read_bytes())
    assert magic == b"\x7fELF"
    return int(machine)


def python_tags(paths: list[Path]) -> set[str]:
    return {found[0] for path in paths if (found := re.search(r"cpython-\d+", path.name))}


def needed_glibc(path: Path) -> tuple[int, ...]:
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", path.read_bytes())
    return max((tuple(map(int, version)) for version in versions), default=(2, 0))
