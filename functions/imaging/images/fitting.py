"""Crops and resizes a model's image to exactly the requested size."""

import io

from imaging.images.decoding import decoded
from imaging.models.sizing import Size


def fit(png: bytes, native: Size, wanted: Size) -> bytes:
    """The image centre-cropped to the wanted ratio and resized to exactly the wanted size, as a PNG.

    `png` is a PNG of size `native`. If that is the wanted size, it is returned byte for byte. Raises NotAWholePng if it
    cannot be decoded.
    """
    if (native.width, native.height) == (wanted.width, wanted.height):
        return png
    with decoded(png) as picture:
        from PIL import Image, ImageOps  # noqa: PLC0415 - as in `decoded`

        fitted = ImageOps.fit(picture, (wanted.width, wanted.height), Image.Resampling.LANCZOS)
    fitted.info.clear()
    buffer = io.BytesIO()
    fitted.save(buffer, "PNG")
    return buffer.getvalue()
