"""A fake X-Ray daemon: a UDP socket that keeps what the SDK sends."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

LONGEST_DATAGRAM = 65_536


@dataclass
class Daemon:
    """`sent` is everything that was received so far, as text."""

    address: str
    socket: socket.socket
    sent: str = ""
    _segments: list[dict[str, Any]] = field(default_factory=list)

    def segments(self) -> list[dict[str, Any]]:
        """All segments and subsegments so far, each also without its parent's document."""
        while (datagram := self._next()) is not None:
            self.sent += datagram
            _header, document = datagram.split("\n", 1)
            self._segments += _flat(json.loads(document))
        return self._segments

    def _next(self) -> str | None:
        try:
            return self.socket.recv(LONGEST_DATAGRAM).decode()
        except BlockingIOError:
            return None


def _flat(segment: dict[str, Any], trace: str | None = None) -> Iterator[dict[str, Any]]:
    trace = segment.get("trace_id", trace)
    yield {**segment, "trace_id": trace}
    for part in segment.get("subsegments", ()):
        yield from _flat(part, trace)


@contextmanager
def running_daemon() -> Iterator[Daemon]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0)  # what was sent before an answer has arrived when the answer has
        yield Daemon(f"127.0.0.1:{receiver.getsockname()[1]}", receiver)
