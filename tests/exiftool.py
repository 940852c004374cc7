"""exiftool (Debian: libimage-exiftool-perl), which reads files without our code and without the C2PA library."""

import io
import shutil
import struct
import subprocess
from collections.abc import Iterator

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

is_needed = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is missing: apt-get install libimage-exiftool-perl"
)


def read(data: bytes, *tags: str) -> str:
    command = ["exiftool", *tags, "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()  # noqa: S603 - our own command


def manifest(data: bytes) -> str:
    """The C2PA manifests of a file in exiftool's words. Version 12 finds them in a PNG or a JPEG only, so it gets a
    WebP's in a PNG."""
    return read(_as_png(data) if data.startswith(b"RIFF") else data, "-a", "-JUMBF:all")


def _as_png(webp: bytes) -> bytes:
    (found,) = [content for kind, content in _riff_chunks(webp) if kind == b"C2PA"]
    chunks, png = PngInfo(), io.BytesIO()
    chunks.add(b"caBX", found)
    Image.new("RGB", (1, 1)).save(png, "PNG", pnginfo=chunks)
    return png.getvalue()


def _riff_chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk; fails unless they fill the file exactly."""
    magic, size, form = struct.unpack_from("<4sI4s", webp)
    assert (magic, size + 8, form) == (b"RIFF", len(webp), b"WEBP")
    offset = 12
    while offset < len(webp):
        kind, length = struct.unpack_from("<4sI", webp, offset)
        yield kind, webp[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2
    assert offset == len(webp)
