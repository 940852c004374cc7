"""The client programs: each runs one client in its own environment and prints the results."""

import io
import json
import subprocess
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.e2e.laptop import PROJECT, Stack

ENVIRONMENTS = PROJECT / ".local" / "venvs"
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Program:
    """`name` is what docs/clients.md calls the client; `runtime` runs `source`."""

    name: str
    runtime: Path
    source: Path
    never_retries: bool = False

    def run(self, stack: Stack, *things: str) -> dict[str, Any]:
        """Return the client's version and the result of each feature that it has."""
        assert self.runtime.exists(), f"{self.runtime} is missing: run `make client-programs`"
        ended = subprocess.run(  # noqa: S603 - our own command
            [self.runtime, self.source, *things],
            env={
                "OPENAI_BASE_URL": f"{stack.description['api_url']}/v1",
                "OPENAI_API_KEY": stack.description["api_key"],
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "HOME": str(stack.folder),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stderr
        # LiteLLM prints advice before the result.
        outcomes: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return outcomes


def _python(environment: str, source: str) -> tuple[Path, Path]:
    return ENVIRONMENTS / "clients" / environment / "bin" / "python", FOLDER / "python" / source


def _node(source: str) -> tuple[Path, Path]:
    return ENVIRONMENTS / "node" / "bin" / "node", FOLDER / "javascript" / source


PROGRAMS: tuple[Program, ...] = (
    Program("openai 2 (Python)", *_python("openai-2", "openai_package.py")),
    Program("openai 3 (Python)", *_python("openai-3", "openai_package.py")),
    Program("openai (Node.js)", *_node("openai-package.mjs")),
    Program("LiteLLM", *_python("litellm", "litellm_package.py")),
    Program("LangChain's image tool", *_python("langchain", "langchain_tool.py")),
    Program("Vercel's AI SDK", *_node("ai-sdk.mjs")),
    Program("Semantic Kernel", *_python("semantic-kernel", "semantic_kernel_service.py")),
    Program("LibreChat", *_node("librechat-request.mjs")),
    Program("Open WebUI", *_python("openai-3", "open_webui_request.py"), never_retries=True),
)


def pictures(outcome: dict[str, Any]) -> list[Image.Image]:
    """Return a program's images, from links or base64."""
    assert "images" in outcome, outcome
    return [_picture(image) for image in outcome["images"]]


def _picture(image: dict[str, str | None]) -> Image.Image:
    if encoded := image.get("b64_json"):
        return _opened(b64decode(encoded))
    answer = httpx.get(str(image["url"]), trust_env=False)
    assert answer.status_code == 200
    picture = _opened(answer.content)
    assert answer.headers["content-type"] == Image.MIME[str(picture.format)]
    return picture


def _opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture
