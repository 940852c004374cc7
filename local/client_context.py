"""MiniStack with client contexts: it hands a function none, and AgentCore's gateway names the tool there."""

import base64
import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import error_response_json
from ministack.services import lambda_svc

SYNCHRONOUS = "RequestResponse"
BAD_CONTEXT = "The client context must be a JSON object in base64."

FIELD = "client_context"
"""Beside what MiniStack hands to the function's process with each invocation."""
HANDS_NONE = f'"{FIELD}": None,'
HANDS_IT = f'"{FIELD}": client_context(_ms_durable.get("{FIELD}")),'
READS_IT = """
from types import SimpleNamespace

def client_context(text):
    if text is None:
        return None
    values = json.loads(text)
    client = values.get("client")
    return SimpleNamespace(
        custom=values.get("custom"), env=values.get("env"), client=None if client is None else SimpleNamespace(**client)
    )
"""
"""A client context with the attributes that Lambda's Python runtime gives it."""

_context: ContextVar[str | None] = ContextVar("_context", default=None)
# MiniStack has no settings for these.
_invoke = lambda_svc._invoke  # noqa: SLF001
_of_invocation = lambda_svc._durable_env_overlay  # noqa: SLF001


def patch() -> None:
    lambda_svc._invoke = _invoke_with_context  # noqa: SLF001 - as above
    lambda_svc._durable_env_overlay = _with_context  # noqa: SLF001 - as above
    lambda_runtime._PYTHON_WORKER_SCRIPT = _changed(lambda_runtime._PYTHON_WORKER_SCRIPT)  # noqa: SLF001 - as above


async def _invoke_with_context(name: str, event: Any, headers: Mapping[str, str], *arguments: Any) -> Any:  # noqa: ANN401 - MiniStack's untyped function
    try:
        found = _read(headers)
    except ValueError:
        return error_response_json("InvalidRequestContentException", BAD_CONTEXT, 400)
    token = _context.set(found)
    try:
        return await _invoke(name, event, headers, *arguments)
    finally:
        _context.reset(token)


def _read(headers: Mapping[str, str]) -> str | None:
    """The context as JSON, for synchronous invocations only, as on AWS. Raises ValueError."""
    encoded = headers.get("x-amz-client-context")
    if not encoded or headers.get("x-amz-invocation-type", SYNCHRONOUS) != SYNCHRONOUS:
        return None
    text = base64.b64decode(encoded, validate=True).decode()
    if not isinstance(json.loads(text), dict):
        raise ValueError  # noqa: TRY004 - as for any other text
    return text


def _with_context() -> Mapping[str, str]:
    text = _context.get()
    return _of_invocation() if text is None else {**_of_invocation(), FIELD: text}


def _changed(script: str) -> str:
    """The script that calls a function in its process."""
    if HANDS_NONE not in script:
        raise RuntimeError("This version of MiniStack handles client contexts itself, or in another way.")
    return READS_IT + script.replace(HANDS_NONE, HANDS_IT)
