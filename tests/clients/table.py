"""The README's table of clients: what the tests saw of each."""

import os
import re
from typing import Any

from PIL import Image

from tests.clients.programs import Program, pictures
from tests.e2e.laptop import PROJECT

README = PROJECT / "README.md"
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
        "joins" if "impatient" in outcomes else "joins with an `Idempotency-Key`",
    ]
    return f"| {' | '.join(cells)} |"


def rows() -> dict[str, str]:
    """The README's rows, by the name of the client."""
    _, _, below = README.read_text().partition(f"{HEAD}\n")
    table = re.match(r"(?:\|.*\n)*", below)
    assert table
    _, *lines = table[0].splitlines()
    return {line.split("|")[1].strip(): line for line in lines}


def keep(name: str, line: str) -> None:
    """Asserts that the README shows this row, or writes it there (`make client-table`)."""
    shown = rows()[name]
    if os.environ.get(WRITE):
        README.write_text(README.read_text().replace(shown, line))
    else:
        assert shown == line, "the README's table is behind: run `make client-table`"


def _images(outcome: dict[str, Any]) -> str:
    found: list[Image.Image] = pictures(outcome)
    how = "base64" if outcome["images"][0].get("b64_json") else "link" if len(found) == 1 else "links"
    number = f"{len(found)} × " if len(found) > 1 else ""  # noqa: RUF001 - "times"
    return f"{number}{found[0].width}x{found[0].height}, {how}"
