"""A PNG's own words about itself, read without decoding the picture."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_HEADER = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
_DIMENSIONS = struct.Struct(">II")


class NotAWholePng(ValueError):
    """The bytes are not a PNG, or not all of one."""


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a PNG that is whole: each chunk present with its checksum, up to the end mark.

    Raises NotAWholePng.
    """
    if not data.startswith(SIGNATURE):
        raise NotAWholePng("the bytes are not a PNG")
    found = {kind: _checked(whole) for kind, whole in chunks(data)}
    if len(found.get(b"IHDR", b"")) < _DIMENSIONS.size or b"IDAT" not in found:
        raise NotAWholePng("the PNG holds no image data")
    return _DIMENSIONS.unpack_from(found[b"IHDR"])


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Each chunk's kind, and the whole chunk with its header and checksum. Raises NotAWholePng where one is cut
    short."""
    view, offset, kind = memoryview(data), len(SIGNATURE), b""
    while kind != b"IEND":
        if len(view) < offset + _CHUNK_HEADER.size:
            raise NotAWholePng("the PNG is cut short")
        length, kind = _CHUNK_HEADER.unpack_from(view, offset)
        end = offset + _CHUNK_HEADER.size + length + _CHECKSUM.size
        if len(view) < end:
            raise NotAWholePng("the PNG is cut short")
        yield kind, view[offset:end]
        offset = end


def chunk(kind: bytes, content: bytes) -> bytes:
    """The whole chunk, with its header and checksum."""
    header = _CHUNK_HEADER.pack(len(content), kind)
    return b"".join((header, content, _CHECKSUM.pack(zlib.crc32(content, zlib.crc32(kind)))))


def _checked(whole: memoryview) -> memoryview:
    """The chunk's content."""
    content = whole[_CHUNK_HEADER.size : -_CHECKSUM.size]
    (checksum,) = _CHECKSUM.unpack_from(whole, _CHUNK_HEADER.size + len(content))
    if zlib.crc32(whole[4 : -_CHECKSUM.size]) != checksum:
        raise NotAWholePng("the PNG is damaged")
    return content
