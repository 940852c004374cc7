"""PNGs that are written here: every decoder gets the same pixels back."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imaging.images.png import chunks, dimensions
from imaging.images.writing import written

PICTURES = st.tuples(st.sampled_from(["L", "LA", "RGB", "RGBA"]), st.integers(1, 40), st.integers(1, 150)).flatmap(
    lambda form: st.binary(min_size=len(form[0]) * form[1] * form[2], max_size=len(form[0]) * form[1] * form[2]).map(
        lambda data: Image.frombytes(form[0], form[1:], data)
    )
)


@given(PICTURES)
def test_a_decoder_gets_the_same_pixels_back(picture: Image.Image) -> None:
    png = written(picture)

    read = Image.open(io.BytesIO(png))
    assert (read.mode, read.size, read.tobytes()) == (picture.mode, picture.size, picture.tobytes())
    assert dimensions(png) == picture.size


def test_a_palette_keeps_its_colours_and_its_transparency() -> None:
    picture = Image.new("P", (3, 2), 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    picture.info["transparency"] = 1

    assert Image.open(io.BytesIO(written(picture))).getpixel((2, 1)) == (200, 100, 50, 0)


def test_nothing_but_the_pixels_is_written() -> None:
    picture = Image.new("RGB", (8, 8))
    picture.info |= {"xmp": b"from elsewhere", "dpi": (300, 300), "Comment": "from elsewhere"}

    assert [kind for kind, _ in chunks(written(picture))] == [b"IHDR", b"IDAT", b"IEND"]


def test_the_first_row_and_the_last_strip_are_as_the_standard_says() -> None:
    png = written(Image.linear_gradient("L").resize((3, 65)))

    data = next(bytes(whole[8:-4]) for kind, whole in chunks(png) if kind == b"IDAT")
    rows = zlib.decompress(data)
    assert len(rows) == 65 * (1 + 3)
    assert {rows[start] for start in range(0, len(rows), 4)} == {1}, "the filter Sub"


@pytest.mark.parametrize(("mode", "colour_type"), [("L", 0), ("RGB", 2), ("LA", 4), ("RGBA", 6)])
def test_the_header_says_how_the_pixels_are_to_be_read(mode: str, colour_type: int) -> None:
    header = struct.unpack(">IIBBBBB", written(Image.new(mode, (5, 7)))[16:29])

    assert header == (5, 7, 8, colour_type, 0, 0, 0)
