"""A program's way to the benchmark that started it: one JSON document a line. Needs the standard library only."""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

_answers = os.fdopen(os.dup(1), "w")
# What the measured code prints is written somewhere, as on Lambda, but nobody reads it.
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def answer(document: object) -> None:
    _answers.write(json.dumps(document) + "\n")
    _answers.flush()


def requests() -> Iterator[Any]:
    for line in sys.stdin:
        yield json.loads(line)
