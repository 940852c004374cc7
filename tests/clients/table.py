"""The table of tested clients in docs/clients.md."""

import os
import re
from typing import Any

from PIL import Image

from tests.clients.programs import Program, pictures
from tests.e2e.laptop import PROJECT

PAGE = PROJECT / "docs" / "clients.md"
HEAD = "| client | version | one image | `n=2` | base64 | a blocked prompt | a wrong key | its own retry |"
WRITE = "WRITE_CLIENT_TABLE"


def row(program: Program, outcomes: dict[str, Any]) -> str:
    cells = [
        program.name,
        outcomes["version"],
        _images(outcomes["one"]),
        _images(outcomes["two"]),
        _images(outcomes["base64"]) if "base64" in outcomes else "cannot ask",
        f"`{outcomes['blocked']['error']}`",
        f"`{outcomes['wrong_key']['error']}`",
        _retry(program, outcomes),
    ]
    return f"| {' | '.join(cells)} |"


def _retry(program: Program, outcomes: dict[str, Any]) -> str:
    if program.never_retries:
        return "never retries"
    return "deduplicated" if "impatient" in outcomes else "deduplicated with an `Idempotency-Key`"


def rows() -> dict[str, str]:
    """The page's rows, by the name of the client."""
    _, _, below = PAGE.read_text().partition(f"{HEAD}\n")
    table = re.match(r"(?:\|.*\n)*", below)
    assert table
    _, *lines = table[0].splitlines()
    return {line.split("|")[1].strip(): line for line in lines}


def keep(name: str, line: str) -> None:
    """Assert that the page has this row, or write it there (`make client-table`)."""
    shown = rows()[name]
    if os.environ.get(WRITE):
        PAGE.write_text(PAGE.read_text().replace(shown, line))
    else:
        assert shown == line, "docs/clients.md is out of date: run `make client-table`"


def _images(outcome: dict[str, Any]) -> str:
    found: list[Image.Image] = pictures(outcome)
    how = "base64" if outcome["images"][0].get("b64_json") else "link" if len(found) == 1 else "links"
    number = f"{len(found)} × " if len(found) > 1 else ""  # noqa: RUF001 - "times"
    return f"{number}{found[0].width}x{found[0].height}, {how}"
