"""Starts a program in a new interpreter for each request, and tells how long it was until the program was ready."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from channel import answer, requests


def spawned(request: Any) -> Any:  # noqa: ANN401 - any JSON
    """`events` are sent as soon as it is ready; the time counts until the last is answered."""
    program = str(Path(__file__).with_name(request["program"]))
    environment = {**os.environ, **request["environment"]}
    started = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-S", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        ended = _converse(process, request.get("events", []))
        process.kill()
    return {"seconds": ended - started}


def _converse(process: "subprocess.Popen[str]", events: list[Any]) -> float:
    ready = float(_read(process)["ready"])
    for event in events:
        process.stdin.write(json.dumps(event) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        _read(process)
    return time.monotonic() if events else ready


def _read(process: "subprocess.Popen[str]") -> Any:  # noqa: ANN401 - any JSON
    return json.loads(process.stdout.readline())  # type: ignore[union-attr]


if __name__ == "__main__":
    for each in requests():
        answer(spawned(each))
