"""Renditions: another format or size of a stored PNG, which says of its origin what the PNG says."""

import io
import struct
import zlib

import pytest
from PIL import Image

from imaging.images.encoding import Format, Rendition, encode
from imaging.images.finishing import Picture, finish
from imaging.images.fitting import fit
from imaging.images.png import NotAWholePng, dimensions
from imaging.images.provenance import SOURCE_TYPE, has_manifest, marked, packet
from imaging.models.catalog import MOST_PIXELS
from imaging.models.sizing import Size
from tests import exiftool

FORMS = [
    Rendition(),
    Rendition(Format.JPEG),
    Rendition(Format.WEBP),
    Rendition(Format.PNG, 64),
    Rendition(Format.JPEG, 64),
    Rendition(Format.WEBP, 64, 30),
]


def png(width: int = 200, height: int = 100) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def original() -> bytes:
    return marked(png(), packet("a.model-v1:0", 1_764_000_000))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(image: bytes, kind: bytes, content: bytes) -> bytes:
    """The PNG with a chunk right behind its header."""
    return image[:33] + chunk(kind, content) + image[33:]


def pixels(image: bytes) -> bytes:
    return Image.open(io.BytesIO(image)).convert("RGB").tobytes()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_rendition_has_its_format_and_size_and_the_originals_statement(form: Rendition) -> None:
    picture = Image.open(io.BytesIO(encode(original(), form)))

    assert picture.format == form.format.upper()
    assert picture.size == ((64, 32) if form.width else (200, 100))
    assert picture.info["xmp"] == packet("a.model-v1:0", 1_764_000_000)


@pytest.mark.parametrize("form", FORMS[1:], ids=lambda form: form.name)
def test_a_rendition_of_an_image_that_says_nothing_still_says_that_a_machine_made_it(form: Rendition) -> None:
    assert SOURCE_TYPE.encode() in encode(png(), form)


def test_nothing_is_enlarged() -> None:
    assert Image.open(io.BytesIO(encode(original(), Rendition(Format.WEBP, 400)))).size == (200, 100)
    assert Rendition(Format.PNG, 200).no_wider_than(200).is_original


def test_less_compression_is_a_larger_file() -> None:
    small, large = (len(encode(original(), Rendition(Format.JPEG, compression=quality))) for quality in (0, 100))
    assert small < large


def test_the_statement_is_inserted_without_encoding_again() -> None:
    image = png()
    statement = marked(image, packet())
    assert statement[:33] == image[:33]
    assert statement.endswith(image[33:])
    assert dimensions(statement) == (200, 100)


def test_the_statement_replaces_one_that_was_there() -> None:
    assert marked(marked(png(), packet("another.model")), packet("a.model")) == marked(png(), packet("a.model"))


def test_an_image_with_a_c2pa_manifest_stays_byte_for_byte() -> None:
    image = with_chunk(png(), b"caBX", b"manifest")
    assert has_manifest(image)
    assert marked(image, packet()) == image


def test_a_name_that_xml_would_misread_is_escaped() -> None:
    assert b'AISystemUsed="&lt;&amp;&quot;"' in packet('<&"')


def bomb(side: int = 60_000) -> bytes:
    """A whole PNG of a few bytes that claims to be 3.6 gigapixels."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    ends = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + ends


@pytest.mark.parametrize("side", [2049, 60_000])
def test_more_pixels_than_a_model_makes_are_never_decoded(side: int) -> None:
    image = bomb(side)
    assert side * side > MOST_PIXELS
    with pytest.raises(NotAWholePng, match="larger"):
        encode(image, Rendition(Format.JPEG))
    with pytest.raises(NotAWholePng, match="larger"):
        fit(image, Size(side, side), Size(512, 512))


def test_a_damaged_picture_is_told() -> None:
    image = png()
    damaged = image[:33] + chunk(b"IDAT", b"no picture") + chunk(b"IEND", b"")
    with pytest.raises(NotAWholePng, match="decoded"):
        encode(damaged, Rendition(Format.JPEG))


@exiftool.is_needed
@pytest.mark.parametrize("wanted", [Size(200, 100), Size(80, 80)], ids=["as made", "fitted"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_exiftool_reads_the_statement(form: Rendition, wanted: Size) -> None:
    stored = finish(Picture(png(), Size(200, 100), "a.model-v1:0", 1_764_000_000), wanted, signer=None)
    told = exiftool.read(encode(stored.data, form), "-s3", "-XMP-iptcExt:DigitalSourceType")
    assert told.strip() == SOURCE_TYPE
