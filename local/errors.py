"""What the laptop stack says when it cannot go on."""

from pathlib import Path


class StackError(Exception):
    """Ends the command; its text says what failed and what to do."""


def with_tail(message: str, log: Path, lines: int = 25) -> StackError:
    try:
        tail = log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        tail = []
    return StackError("\n".join([message, *(f"    {line}" for line in tail), f"The whole log: {log}"]))
