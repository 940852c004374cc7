"""The stored PNG in another format or a smaller size: a rendition, which says of its origin what the PNG says."""

import io
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imaging.images.decoding import decoded
from imaging.images.provenance import marked, packet
from imaging.images.writing import written

if TYPE_CHECKING:
    from PIL.Image import Image

SMALLEST_WIDTH, LARGEST_WIDTH = 64, 2048
DEFAULT_COMPRESSION = 90

_WEBP_EFFORT = 2
"""Of 0 to 6: a third of the time of Pillow's default, for files that are a few percent larger."""


class Format(StrEnum):
    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def content_type(self) -> str:
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        return "jpg" if self is Format.JPEG else self.value


@dataclass(frozen=True)
class Rendition:
    """How an image is wanted. `width` None is the original's; `compression` is the quality of JPEG and WebP, 0 to 100,
    100 being the best."""

    format: Format = Format.PNG
    width: int | None = None
    compression: int = DEFAULT_COMPRESSION

    @property
    def is_original(self) -> bool:
        return self.format is Format.PNG and self.width is None

    @property
    def name(self) -> str:
        """The file's name, the same for all that come out the same."""
        size = "full" if self.width is None else f"w{self.width}"
        quality = "" if self.format is Format.PNG else f"-q{self.compression}"
        return f"{size}{quality}.{self.format.extension}"

    def no_wider_than(self, width: int) -> "Rendition":
        """The same of an original that is so wide; nothing is enlarged."""
        return Rendition(self.format, None, self.compression) if self.width and self.width >= width else self


def encode(original: bytes, rendition: Rendition) -> bytes:
    """The file of that rendition of a stored PNG. Raises NotAWholePng."""
    if rendition.is_original:
        return original
    with decoded(original) as picture:
        xmp = picture.info.get("xmp") or packet()
        return _encoded(_resized(picture, rendition.width), rendition, xmp)


def _resized(picture: "Image", width: int | None) -> "Image":
    if width is None or width >= picture.width:
        return picture
    from PIL import Image  # noqa: PLC0415 - as in `decoded`

    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _encoded(picture: "Image", rendition: Rendition, xmp: bytes) -> bytes:
    picture.info.clear()
    buffer = io.BytesIO()
    match rendition.format:
        case Format.PNG:
            return marked(written(picture), xmp)
        case Format.JPEG:
            picture.convert("RGB").save(buffer, "JPEG", quality=rendition.compression, xmp=xmp)
        case Format.WEBP:
            picture.save(buffer, "WEBP", quality=rendition.compression, method=_WEBP_EFFORT, xmp=xmp)
    return buffer.getvalue()
