"""The errors of the laptop stack."""

from pathlib import Path


class StackError(Exception):
    """Ends the command; the message says what failed and what to do."""


def with_tail(message: str, log: Path, lines: int = 25) -> StackError:
    try:
        tail = log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        tail = []
    return StackError("\n".join([message, *(f"    {line}" for line in tail), f"The whole log: {log}"]))
