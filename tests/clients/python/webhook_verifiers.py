"""Verifies the webhooks on standard input with three libraries, and prints what each says of each message."""

import json
import sys
from collections.abc import Callable, Mapping

import standardwebhooks
import svix
from openai import OpenAI


def _openai(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    OpenAI(api_key="unused").webhooks.unwrap(body, headers, secret=secret)


VERIFIERS: dict[str, Callable[[str, bytes, dict[str, str]], object]] = {
    "standardwebhooks": lambda secret, body, headers: standardwebhooks.Webhook(secret).verify(body, headers),
    "svix": lambda secret, body, headers: svix.Webhook(secret).verify(body, headers),
    "openai": _openai,
}


def _said(verify: Callable[[str, bytes, dict[str, str]], object], message: dict) -> str:
    try:
        verify(message["secret"], message["body"].encode(), message["headers"])
    except Exception as error:  # noqa: BLE001 - whatever a library raises
        return type(error).__name__
    return "verified"


answers = [{name: _said(verify, message) for name, verify in VERIFIERS.items()} for message in json.load(sys.stdin)]
sys.stdout.write(json.dumps(answers))
