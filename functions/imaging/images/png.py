"""Reads a PNG's chunks without decoding the image."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_HEADER = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
_DIMENSIONS = struct.Struct(">II")


class NotAWholePng(ValueError):
    """The bytes are no PNG, or a truncated or damaged one."""


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises NotAWholePng unless every chunk up to IEND is present and its checksum right.

    Source: https://www.w3.org/TR/png-3/#5Chunk-layout
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
        raise NotAWholePng("the PNG holds no image data")
    return chunks
