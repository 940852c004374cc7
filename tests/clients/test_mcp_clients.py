"""Unmodified clients of the Model Context Protocol: the official ones, of today and before, and others."""

import base64
import io
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.clients.programs import ENVIRONMENTS, FOLDER
from tests.e2e.laptop import PROJECT, Emulator, Stack

PYTHON = (ENVIRONMENTS / "clients" / "mcp" / "bin" / "python", FOLDER / "python" / "mcp_package.py")
STRANDS = ENVIRONMENTS / "clients" / "litellm" / "bin" / "python"
NODE = ENVIRONMENTS / "node" / "bin" / "node"
TOOLS = ["generate_image", "get_job", "cancel_job", "list_models", "get_usage"]
LONGEST_ANSWER = 600_000


@dataclass(frozen=True)
class Client:
    """A client, and the revision that it ends up with."""

    command: tuple[str | Path, ...]
    protocol: str


CLIENTS = {
    "Python": Client((*PYTHON, "auto"), "2026-07-28"),
    "Python with a handshake": Client((*PYTHON, "legacy"), "2025-11-25"),
    "TypeScript": Client((NODE, FOLDER / "javascript" / "mcp-client.mjs"), "2026-07-28"),
    "TypeScript, version 1": Client((NODE, FOLDER / "javascript" / "mcp-sdk.mjs"), "2025-11-25"),
    "Strands Agents": Client((STRANDS, FOLDER / "python" / "strands_agents.py"), "2026-07-28"),
}


def _outcome(client: Client, stack: Stack) -> dict[str, Any]:
    outcome: dict[str, Any] = json.loads(_printed(client.command, stack).splitlines()[-1])
    return outcome


def _printed(command: Sequence[str | Path], stack: Stack) -> str:
    assert Path(command[0]).exists(), "run `make client-programs`"
    api_url, api_key = stack.description["api_url"], stack.description["api_key"]
    environment = {"API_URL": api_url, "MCP_URL": f"{api_url}/mcp", "API_KEY": api_key}
    ended = subprocess.run(  # noqa: S603 - our own command
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_makes_images_and_sees_them(name: str, stack: Stack, emulator: Emulator) -> None:
    outcome = _outcome(CLIENTS[name], stack)

    assert (outcome["protocol"], outcome["tools"]) == (CLIENTS[name].protocol, TOOLS)
    made = outcome["made"]["structuredContent"]
    assert made["status"] == "succeeded"
    _, *shown = outcome["made"]["content"]
    previews = [Image.open(io.BytesIO(base64.b64decode(block["data"]))) for block in shown]
    assert [(preview.format, preview.size) for preview in previews] == [("WEBP", (512, 512))] * 2
    assert previews[0].tobytes() != previews[1].tobytes()
    assert len(json.dumps(outcome["made"])) < LONGEST_ANSWER
    for image in made["images"]:
        with Image.open(io.BytesIO(httpx.get(image["url"], trust_env=False).content)) as original:
            assert (original.format, original.size) == ("PNG", (1024, 1024))
        followed = httpx.get(image["link"], headers={"x-api-key": stack.description["api_key"]}, trust_env=False)
        assert followed.status_code == 302

    assert outcome["job"]["content"][1:] == shown
    assert sum(call["images"] for call in emulator.calls()) == 2
    assert outcome["usage"]["structuredContent"]["images"] >= 2
    assert {model["price_usd"] for model in outcome["models"]["structuredContent"]["models"]} >= {0.04, 0.14}
    assert (outcome["refused"]["isError"], "width" in outcome["refused"]["content"][0]["text"]) == (True, True)
    assert "no such tool" in outcome["unknown"]
    assert "accepted" not in outcome["wrong_key"]


def test_the_lines_for_strands_agents_print_a_link_to_an_image(stack: Stack, emulator: Emulator) -> None:
    (lines,) = re.findall(
        r"^```python\n(.*?)^```$", (PROJECT / "docs" / "agents.md").read_text(), re.DOTALL | re.MULTILINE
    )

    link = _printed((STRANDS, "-c", lines), stack).strip()

    with Image.open(io.BytesIO(httpx.get(link, trust_env=False).content)) as image:
        assert (image.format, image.size) == ("PNG", (1024, 1024))
    assert sum(call["images"] for call in emulator.calls()) == 1
