"""What three libraries that others wrote say of a webhook: standardwebhooks, svix and openai."""

import json
import subprocess
from typing import Any

from tests.clients.programs import ENVIRONMENTS, FOLDER

PYTHON, PROGRAM = ENVIRONMENTS / "clients" / "webhooks" / "bin" / "python", FOLDER / "python" / "webhook_verifiers.py"
ALL = {"standardwebhooks": "verified", "svix": "verified", "openai": "verified"}
NONE = {
    "standardwebhooks": "WebhookVerificationError",
    "svix": "WebhookVerificationError",
    "openai": "InvalidWebhookSignatureError",
}


def said(*messages: dict[str, Any]) -> list[dict[str, str]]:
    assert PYTHON.exists(), "run `make client-programs`"
    ended = subprocess.run(  # noqa: S603 - our own command
        [PYTHON, PROGRAM], input=json.dumps(messages), capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, str]] = json.loads(ended.stdout)
    return found
