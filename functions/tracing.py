"""Traces for AWS X-Ray, which the parameter `Tracing` switches on. Off, nothing of X-Ray is loaded.

A trace holds times, ids, and types of errors; never a prompt, a link, a key, or the text of an exception.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from aws.xray import Recorder

_Handler = TypeVar("_Handler", bound=Callable[..., Any])

_HEADER = "_X_AMZN_TRACE_ID"
"""The variable in which Lambda's runtime and the X-Ray SDK keep the trace of what is running."""


def _recorder() -> "Recorder | None":
    if os.environ.get("TRACING") != "on":
        return None
    from aws.xray import Recorder  # noqa: PLC0415 - loaded only where it is used

    return Recorder()


_on = _recorder()


def traced(handler: _Handler) -> _Handler:
    """Makes the handler one step of its invocation's trace."""
    return _on.traced(handler) if _on else handler


def annotate(**values: str) -> None:
    """Makes the trace searchable by these values."""
    if _on:
        _on.annotate(values)


@contextmanager
def step(name: str, **annotations: str) -> Iterator[None]:
    """Makes what happens within it one step of the trace."""
    if _on is None:
        yield
        return
    with _on.step(name, annotations):
        yield


def carried() -> Mapping[str, Any]:
    """What a message to a queue must have so that its receiver can continue the trace."""
    return _on.message_attributes() if _on else {}


@contextmanager
def continued(header: str | None) -> Iterator[None]:
    """Continues the trace of a message. Lambda starts a new trace for the invocation that receives it."""
    if _on is None or not header:
        yield
        return
    own = os.environ.get(_HEADER, "")
    _on.follow()
    os.environ[_HEADER] = header
    try:
        yield
    finally:
        os.environ[_HEADER] = own
