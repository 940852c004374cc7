"""The built packages: compiled, the same each time, with what is needed and nothing else.

A larger limit or a longer list here is a decision: each module is loaded at every cold start, and each byte is
downloaded.
"""

import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.util import cache_from_source
from pathlib import Path
from types import MappingProxyType

import pytest

from checks.template import PROJECT, source

PYTHON = PROJECT / ".local" / "venvs" / "ministack" / "bin" / "python"
"""Of the version that the package here is built for."""

_NONE: Mapping[str, str] = MappingProxyType({})

UNCHECKED = 0b01
"""The flags of bytecode that Python uses without a look at its source (PEP 552)."""

THIRD_PARTY = {
    *("annotated_types", "aws_lambda_powertools", "boto3", "botocore", "dateutil", "jmespath", "pydantic"),
    *("pydantic_core", "s3transfer", "six", "typing_extensions", "typing_inspection", "urllib3"),
}
OURS = {"aws", "bootstrap", "imaging", "net", "observability", "settings", "tracing", "version"}
LOADED = {
    "AuthorizerFunction": {"app"},
    "ApiFunction": THIRD_PARTY | OURS | {"api"},
    "WorkerFunction": THIRD_PARTY | OURS | {"messages", "worker"},
    "SweeperFunction": THIRD_PARTY | OURS | {"sweeper"},
    "AuditorFunction": THIRD_PARTY | OURS | {"auditor"},
    "WebhookFunction": THIRD_PARTY | OURS | {"api", "messages", "webhooks"},
}
"""What is loaded when the handler can be called, besides the standard library."""

LOADED_LATER = {
    "PIL",
    "api.mcp",
    "api.tools",
    "aws_lambda_powertools.event_handler.openapi.models",
    "aws_lambda_powertools.event_handler.openapi.swagger_ui",
}
PACKAGED = {
    *THIRD_PARTY,
    *OURS,
    *(
        "PIL",
        "pillow.libs",
        "api",
        "auditor",
        "authorizer",
        "messages",
        "requirements.txt",
        "sweeper",
        "webhooks",
        "worker",
    ),
}
MOST_BYTES, MOST_ZIPPED = 46_000_000, 15_000_000
MOST_BYTES_OF_AUTHORIZER = 20_000
MOST_BYTES_OF_TRACING = 3_000_000


@pytest.fixture(scope="module")
def runtime() -> str:
    return f"python{answer('import sys; print(*sys.version_info[:2], sep=chr(46))')}"


@pytest.fixture(scope="module")
def built(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(PROJECT / "functions", runtime, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def authorizer(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(PROJECT / "functions" / "authorizer", runtime, tmp_path_factory.mktemp("authorizer"))


def test_every_module_has_bytecode_that_is_used_unchecked(built: Path, authorizer: Path) -> None:
    magic = bytes.fromhex(answer("import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"))
    tag = answer("import sys; print(sys.implementation.cache_tag)")
    for path in [*built.rglob("*.py"), *authorizer.rglob("*.py")]:
        compiled = Path(cache_from_source(str(path))).with_name(f"{path.stem}.{tag}.pyc").read_bytes()
        assert compiled[:8] == magic + UNCHECKED.to_bytes(4, "little"), path


def test_the_same_source_makes_the_same_bytes_anywhere(built: Path, runtime: str, tmp_path: Path) -> None:
    again = build(PROJECT / "functions", runtime, tmp_path / "another" / "folder")
    assert contents(again) == contents(built)


def test_bytecode_tells_nothing_of_the_machine_that_built_it(built: Path) -> None:
    paths = (str(PROJECT).encode(), str(built).encode())
    assert [path for path in built.rglob("*.pyc") if any(each in path.read_bytes() for each in paths)] == []


def test_importing_writes_nothing(built: Path) -> None:
    before = set(built.rglob("*"))
    for handler in handlers(built).values():
        loaded(built, handler)
    assert set(built.rglob("*")) == before


def test_a_machine_without_the_runtimes_python_builds_without_bytecode_and_says_so(tmp_path: Path) -> None:
    built = run_build(PROJECT / "functions" / "authorizer", "python3.99", tmp_path / "built")
    assert built.returncode == 0
    assert "WARNING: This machine has no Python 3.99, so the package holds no bytecode" in built.stderr
    assert sorted(contents(tmp_path / "built")) == ["__init__.py", "app.py"]


@pytest.mark.parametrize("function", LOADED)
def test_a_cold_start_loads_what_is_listed_only(function: str, built: Path, authorizer: Path) -> None:
    folder = authorizer if function == "AuthorizerFunction" else built
    found = loaded(folder, handlers(folder)[function])
    assert {name.partition(".")[0] for name in found} == LOADED[function]
    assert {late for late in LOADED_LATER if late in found} == set()


def test_a_stack_that_traces_loads_the_x_ray_sdk_too(built: Path, runtime: str, tmp_path: Path) -> None:
    layer = build(PROJECT / "package" / "tracing", runtime, tmp_path / "TracingLayer") / "python"
    variables = {"TRACING": "on", "LAMBDA_TASK_ROOT": str(built)}
    found = json.loads(answer(LOADED_MODULES.format(module="worker.app"), built, layer, variables=variables))
    assert {name.partition(".")[0] for name in found} - LOADED["WorkerFunction"] == {"aws_xray_sdk", "wrapt"}
    assert sum(map(len, contents(layer).values())) < MOST_BYTES_OF_TRACING


def test_every_function_is_looked_at() -> None:
    functions = {name for name, it in source()["Resources"].items() if it["Type"] == "AWS::Serverless::Function"}
    assert functions == set(LOADED)


def test_the_package_holds_what_is_listed_only(built: Path) -> None:
    names = {path.name.removesuffix(".py") for path in built.iterdir()} - {"__pycache__"}
    assert {name for name in names if not name.endswith(".dist-info")} == PACKAGED


def test_the_packages_stay_small(built: Path, authorizer: Path, tmp_path: Path) -> None:
    assert sum(map(len, contents(built).values())) < MOST_BYTES
    assert zipped_bytes(built, tmp_path / "package.zip") < MOST_ZIPPED
    assert sum(map(len, contents(authorizer).values())) < MOST_BYTES_OF_AUTHORIZER


def test_every_client_can_be_made_and_goes_where_the_whole_sdk_would(built: Path) -> None:
    assert answer(ENDPOINTS, built) == answer(ENDPOINTS, PROJECT / "functions", python=Path(sys.executable))


def test_pictures_are_fitted_and_converted(built: Path) -> None:
    assert answer(PICTURES, built).split() == ["PNG", "800x600", "PNG", "JPEG", "WEBP"]


ENDPOINTS = """
import json, re
from pathlib import Path
from aws import clients

found = {}
for service in re.findall(r'client\\("([a-z-]+)"', Path(clients.__file__).read_text()):
    for region in ("us-east-1", "us-west-2", "eu-west-1", "us-gov-west-1", "cn-north-1", "xx-new-1"):
        client = clients.session().client(service, region_name=region)
        signer = client._request_signer
        found[f"{service} {region}"] = (client.meta.endpoint_url, signer.signing_name, signer.signature_version)
assert len(found) > 30
print(json.dumps(found, sort_keys=True))
"""

PICTURES = """
import io
from PIL import Image
from imaging.images.encoding import Format, Rendition, encode
from imaging.images.fitting import fit
from imaging.models.sizing import Size

original = io.BytesIO()
Image.effect_noise((1216, 1216), 50).convert("RGB").save(original, "PNG")
files = [fit(original.getvalue(), Size(1216, 1216), Size(800, 600))]
files += [encode(files[0], Rendition(form, 400)) for form in Format]
kinds = [Image.open(io.BytesIO(file)) for file in files]
print(kinds[0].format, "x".join(map(str, kinds[0].size)), *(kind.format for kind in kinds[1:]))
"""

LOADED_MODULES = """
import importlib, json, sys

before = set(sys.modules)
importlib.import_module({module!r})
ours = [name for name in sys.modules.keys() - before if name.partition(".")[0] not in sys.stdlib_module_names]
print(json.dumps([name for name in ours if not name.startswith("_")]))
"""


def handlers(folder: Path) -> dict[str, str]:
    """The module of each function whose package this is."""
    resources = {name: it for name, it in source()["Resources"].items() if it["Type"] == "AWS::Serverless::Function"}
    modules = {name: it["Properties"]["Handler"].removesuffix(".lambda_handler") for name, it in resources.items()}
    return {name: module for name, module in modules.items() if (folder / f"{module.replace('.', '/')}.py").exists()}


def loaded(folder: Path, module: str) -> set[str]:
    return set(json.loads(answer(LOADED_MODULES.format(module=module), folder)))


def answer(program: str, *folders: Path, python: Path = PYTHON, variables: Mapping[str, str] = _NONE) -> str:
    """What a Python with those packages prints; in an environment that has nothing of the developer's."""
    environment = {
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"), "a"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PATH": os.environ["PATH"],
        **({"PYTHONPATH": os.pathsep.join(map(str, folders))} if folders else {}),
        **variables,
    }
    ended = subprocess.run(  # noqa: S603 - our own programs
        [python, "-s", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def build(code: Path, runtime: str, artifacts: Path) -> Path:
    built = run_build(code, runtime, artifacts)
    assert built.returncode == 0, built.stderr
    return artifacts


def run_build(code: Path, runtime: str, artifacts: Path) -> subprocess.CompletedProcess[str]:
    processor = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    command = [str(PROJECT / "package" / "build"), str(code), processor, runtime, str(artifacts)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def zipped_bytes(folder: Path, archive: Path) -> int:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents(folder).items():
            file.writestr(name, content)
    return archive.stat().st_size
