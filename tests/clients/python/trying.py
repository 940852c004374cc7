"""Tries what a program offers, one thing after the other, and prints what came of each as one JSON object.

The arguments name the things to try; without any it is all of them. What a program does not offer is left out.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

BASE_URL = os.environ["OPENAI_BASE_URL"]
API_KEY = os.environ["OPENAI_API_KEY"]
WRONG_KEY = "sk-nobody"
PROMPT = "A fox in the snow"
BLOCKED_PROMPT = "A forbidden fox"

Image = dict[str, str | None]


def tried(package: str | None, **things: Callable[[], Sequence[Image]]) -> None:
    """Each thing brings images, as a link or in base64, or raises what the client's user would see. Without a `package`
    only its request is replayed."""
    wanted = sys.argv[1:] or things
    outcomes = {name: _outcome(thing) for name, thing in things.items() if name in wanted}
    print(json.dumps({"version": version(package) if package else "request", **outcomes}))  # noqa: T201 - this is the answer


def _outcome(thing: Callable[[], Sequence[Image]]) -> dict[str, object]:
    try:
        return {"images": thing()}
    except Exception as error:  # noqa: BLE001 - whatever it is, is the answer
        return {
            "error": type(error).__name__,
            "status": getattr(error, "status_code", None) or getattr(error.__cause__, "status_code", None),
            "code": getattr(error, "code", None),
            "request_id": getattr(error, "request_id", None),
            "message": str(error),
        }
