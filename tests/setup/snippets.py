"""The commands and programs in the README and in docs/, what they print, and where each is tried."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^ *```(bash|python)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

OUTCOMES = {
    "source .local/env": r'"message": ?"Images generated successfully"',
    "ANSWER=": r'^"images": ?\["http.*\]$',
    "import os\nfrom openai": r"^http",
    '.venv/bin/text-to-image "A fox in the snow" -n 4': r"^generated_images/.*\.png$",
    '.venv/bin/text-to-image "A fox in the snow" -n 2': r"^generated_images/.*\.png$",
    "from text_to_image import Client": r"^Image 1 of 4 42 .*\.png$",
    "import asyncio\nfrom text_to_image": r"^\S+ [0-9.]+ generated_images/.*\.png$",
}
"""The expected output of a snippet on a clone with a running stack, by the snippet's beginning."""

TRIED_ELSEWHERE = {
    "make run": "starts the stack that the others are tried on",
    "make setup": "part of `make run`",
    "pip install ./text_to_image_client": "tests/e2e/test_client_package.py",
    "make invoke": "tests/container/test_sam_local.py",
    "make studio": "tests/e2e/test_studio.py",
    "sam build": "needs an AWS account; tests/integration/test_build.py runs the build",
    "sam remote": "needs a deployed stack; tests/unit/test_operations.py checks the AWS CLI's commands",
    "claude mcp add": "needs Claude Code; tests/clients/test_mcp_clients.py runs the official clients",
    "import os\n\nfrom strands": "needs Strands Agents; tests/clients/test_mcp_clients.py runs the official clients",
    "for model in": "needs an AWS account; tests/unit/test_operations.py checks the AWS CLI's commands",
    "SUCCESSOR=": "needs a deployed stack; tests/e2e/test_more_models.py does it on the laptop's",
    "ENVIRONMENT=prod\naws cloudformation deploy": "needs an AWS account; tests/unit/test_github_deployment.py",
    "sha256sum --check": "needs a published release; tests/unit/test_release.py packs one",
    "sam package": "needs an AWS account; tests/unit/test_release.py packs what it uploads",
    'curl -X POST "$API_URL/webhooks/secret"': "tests/clients/test_webhook_verifiers.py",
    'curl "$API_URL/generate" -H "x-api-key: $API_KEY" -H \'Prefer': "tests/clients/test_webhook_verifiers.py",
    'curl -X PUT "$API_URL/webhooks"': "tests/clients/test_webhook_verifiers.py",
    "from standardwebhooks": "tests/clients/test_webhook_verifiers.py",
    "export API_URL=…": "needs a deployed stack; tests/e2e/test_smoke.py runs `make smoke` on the laptop's",
}
"""Where other snippets are tested, by their beginning."""

PASTED_AT_NIGHT = "operations.md"
"""All commands of this page need a deployed stack; tests/unit/test_operations.py checks them."""


@dataclass(frozen=True)
class Snippet:
    page: str
    language: str
    lines: str

    @property
    def outcome(self) -> str | None:
        """Return the expected output, if it is tested here."""
        return _by_beginning(OUTCOMES, self.lines)

    @property
    def tried_elsewhere(self) -> str | None:
        if self.page == PASTED_AT_NIGHT:
            return "tests/unit/test_operations.py"
        return _by_beginning(TRIED_ELSEWHERE, self.lines)


def snippets(clone: Path) -> Iterator[Snippet]:
    for page in (clone / "README.md", clone / "CONTRIBUTING.md", *sorted((clone / "docs").rglob("*.md"))):
        for language, lines in BLOCK.findall(page.read_text()):
            yield Snippet(page.name, language, lines)


def _by_beginning(table: dict[str, str], lines: str) -> str | None:
    return next((value for beginning, value in table.items() if lines.startswith(beginning)), None)
