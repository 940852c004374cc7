"""Crops and resizes a model's image to exactly the requested size."""

import io

from imaging.images.png import NotAWholePng
from imaging.models.sizing import Size


def fit(png: bytes, native: Size, wanted: Size) -> bytes:
    """The image centre-cropped to the wanted ratio and resized to exactly the wanted size, as a PNG.

    `png` is a PNG of size `native`. If that is the wanted size, it is returned byte for byte. Raises NotAWholePng if it
    cannot be decoded.
    """
    if (native.width, native.height) == (wanted.width, wanted.height):
        return png
    from PIL import Image, ImageOps  # noqa: PLC0415 - costs a tenth of a second that most requests do not need

    try:
        with Image.open(io.BytesIO(png)) as image:
            fitted = ImageOps.fit(image, (wanted.width, wanted.height), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NotAWholePng("the PNG cannot be decoded") from error
    buffer = io.BytesIO()
    fitted.save(buffer, "PNG")
    return buffer.getvalue()
