"""Reading a PNG's own words about itself, without decoding the picture."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_HEADER = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
_DIMENSIONS = struct.Struct(">II")


class NotAWholePng(ValueError):
    """The bytes are not a PNG, or not all of one."""


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a PNG that is whole: each chunk present with its checksum, up to the end mark.

    Raises NotAWholePng.
    """
    if not data.startswith(_SIGNATURE):
        raise NotAWholePng("the bytes are not a PNG")
    try:
        chunks = _chunks(memoryview(data))
    except struct.error:
        raise NotAWholePng("the PNG is cut short") from None
    return _DIMENSIONS.unpack_from(chunks[b"IHDR"])


def _chunks(data: memoryview) -> dict[bytes, memoryview]:
    chunks: dict[bytes, memoryview] = {}
    offset, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = _CHUNK_HEADER.unpack_from(data, offset)
        start, end = offset + _CHUNK_HEADER.size, offset + _CHUNK_HEADER.size + length
        (checksum,) = _CHECKSUM.unpack_from(data, end)
        if zlib.crc32(data[offset + 4 : end]) != checksum:
            raise NotAWholePng("the PNG is damaged")
        chunks[kind] = data[start:end]
        offset = end + _CHECKSUM.size
    if len(chunks.get(b"IHDR", b"")) < _DIMENSIONS.size or b"IDAT" not in chunks:
        raise NotAWholePng("the PNG holds no picture")
    return chunks
