"""Signs as Standard Webhooks describes (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(message_id: str, at: int, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """The headers that identify and sign a message, with a signature by each secret. `at` is in epoch seconds."""
    signed = f"{message_id}.{at}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(PREFIX))
    return b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
