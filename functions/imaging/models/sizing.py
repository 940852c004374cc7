"""Which of a model's own sizes to ask for, and how its picture becomes exactly the size that was asked for."""

import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imaging.images.png import NotAWholePng


@dataclass(frozen=True)
class Size:
    """Pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def ratio(self) -> float:
        return self.width / self.height

    def covers(self, other: "Size") -> bool:
        return self.width >= other.width and self.height >= other.height


@dataclass(frozen=True)
class NativeSize(Size):
    """A size that a model makes by itself; `aspect_ratio` is its name where the model is asked by ratio."""

    aspect_ratio: str | None = None


def nearest(wanted: Size, native: Iterable[NativeSize], price: Callable[[Size], int]) -> NativeSize:
    """The native size to ask for: of those that cover both sides the nearest ratio, then the cheapest, then the
    fewest pixels; where none covers, the nearest ratio."""
    sizes = list(native)
    covering = [size for size in sizes if size.covers(wanted)]
    return min(covering or sizes, key=lambda size: (_distance(size, wanted), price(size), size.pixels))


def _distance(one: Size, other: Size) -> float:
    return round(abs(math.log(one.ratio / other.ratio)), 9)


def fit(png: bytes, native: Size, wanted: Size) -> bytes:
    """The picture cropped around its centre to the wanted ratio and resized to exactly the wanted size.

    `png` is a PNG of size `native`; a picture that has the wanted size already comes back byte for byte. Raises
    NotAWholePng where it cannot be decoded.
    """
    if (native.width, native.height) == (wanted.width, wanted.height):
        return png
    from PIL import Image, ImageOps  # noqa: PLC0415 - costs a tenth of a second that most requests do not need

    try:
        with Image.open(io.BytesIO(png)) as picture:
            fitted = ImageOps.fit(picture, (wanted.width, wanted.height), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NotAWholePng("the PNG cannot be decoded") from error
    buffer = io.BytesIO()
    fitted.save(buffer, "PNG")
    return buffer.getvalue()
