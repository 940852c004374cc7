"""Clients that other people's generators make of the OpenAPI document: they pass their languages' strictest checks, and
work."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import ENVIRONMENTS, FOLDER
from tests.e2e.laptop import PROJECT, Stack

DOCUMENT = PROJECT / "docs" / "openapi.json"
PYTHON = ENVIRONMENTS / "clients" / "generated" / "bin"
NODE = ENVIRONMENTS / "node" / "bin" / "node"
PACKAGES = FOLDER / "javascript" / "node_modules"
STRICTEST = ("--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--noUnusedLocals")
SEEN = {
    "images": 1,
    "size": [1024, 1024],
    "job": "succeeded",
    "link": 302,
    "refused": "invalid_request",
    "has_spent": True,
}


def _run(*command: str | Path, folder: Path, **environment: str) -> str:
    ended = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def _outcome(printed: str) -> dict[str, Any]:
    outcome: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return outcome


def _access(stack: Stack) -> dict[str, str]:
    return {"API_URL": stack.description["api_url"], "API_KEY": stack.description["api_key"]}


@pytest.fixture
def python_client(tmp_path: Path) -> Path:
    """A folder with the generated package and the program that uses it."""
    generator = PYTHON / "openapi-python-client"
    package = tmp_path / "generated_client"
    (tmp_path / "generator.json").write_text(json.dumps({"post_hooks": []}))
    arguments = ("generate", "--path", DOCUMENT, "--output-path", package, "--meta", "none", "--fail-on-warning")
    _run(generator, *arguments, "--config", tmp_path / "generator.json", folder=tmp_path)
    (tmp_path / "program.py").write_text((FOLDER / "python" / "generated_python.py").read_text())
    return tmp_path


@pytest.fixture
def typescript_client(tmp_path: Path) -> Path:
    """A folder with the generated types and the program that uses them."""
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    generator = (NODE, PACKAGES / "openapi-typescript" / "bin" / "cli.js")
    # By default it calls fields with a default compulsory, in requests too.
    _run(*generator, DOCUMENT, "--default-non-nullable", "false", "-o", "schema.d.ts", folder=tmp_path)
    (tmp_path / "program.ts").write_text((FOLDER / "javascript" / "generated-typescript.ts").read_text())
    return tmp_path


def test_the_python_client_type_checks_and_works(python_client: Path, stack: Stack) -> None:
    _run(PYTHON / "mypy", "--strict", "generated_client", "program.py", folder=python_client)
    assert _outcome(_run(PYTHON / "python", "program.py", folder=python_client, **_access(stack))) == SEEN


def test_the_typescript_client_type_checks_and_works(typescript_client: Path, stack: Stack) -> None:
    compiler = (NODE, PACKAGES / "typescript" / "bin" / "tsc")
    options = (*STRICTEST, "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")
    _run(*compiler, *options, "program.ts", folder=typescript_client)
    assert _outcome(_run(NODE, "program.js", folder=typescript_client, **_access(stack))) == SEEN
