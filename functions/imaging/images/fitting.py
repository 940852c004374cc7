"""How a model's picture becomes exactly the size that was asked for."""

from threading import Lock, Semaphore
from typing import TYPE_CHECKING

from imaging.images.decoding import decoded
from imaging.images.writing import written
from imaging.models.sizing import Size

if TYPE_CHECKING:
    from PIL.Image import Image

_two_at_a_time = Semaphore(2)
"""As many as Lambda has processors, up to 3,008 MB. More side by side would take as long and need the memory of all; so
the first images are stored while the next are fitted."""

_decoding = Lock()
"""A picture needs most memory while it is decoded and resized, so one is at a time; another is encoded meanwhile."""


def fit(png: bytes, native: Size, wanted: Size) -> bytes:
    """The picture cropped around its centre to the wanted ratio and resized to exactly the wanted size.

    `png` is a PNG of size `native`; a picture that has the wanted size already comes back byte for byte. Raises
    NotAWholePng where it cannot be decoded.
    """
    if (native.width, native.height) == (wanted.width, wanted.height):
        return png
    with _two_at_a_time:
        return written(_fitted(png, wanted))


def _fitted(png: bytes, wanted: Size) -> "Image":
    with _decoding, decoded(png) as picture:
        from PIL import Image, ImageOps  # noqa: PLC0415 - as in `decoded`

        return ImageOps.fit(picture, (wanted.width, wanted.height), Image.Resampling.LANCZOS)
