"""Tiny PNGs of any size that name the call that made them."""

import json
import struct
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def draw(width: int, height: int, facts: Mapping[str, Any]) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    note = b"call\0" + json.dumps(facts).encode()
    return b"".join(
        (_SIGNATURE, _chunk(b"IHDR", head), _chunk(b"tEXt", note), _pixels(width, height), _chunk(b"IEND", b""))
    )


def facts(png: bytes) -> dict[str, Any]:
    """Return the facts that the call wrote into it."""
    start = png.index(b"tEXtcall\0")
    (length,) = struct.unpack_from(">I", png, start - 4)
    found: dict[str, Any] = json.loads(png[start + 9 : start + 4 + length])
    return found


@cache
def _pixels(width: int, height: int) -> bytes:
    return _chunk(b"IDAT", zlib.compress(bytes((1 + (width + 7) // 8) * height)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
