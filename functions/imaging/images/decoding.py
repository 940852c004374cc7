"""Opening PNGs that came from outside: never more pixels than a model makes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING

from imaging.images.png import NotAWholePng
from imaging.models.catalog import MOST_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image


@cache
def prepare() -> None:
    """Loads Pillow in the background, so that it is there when the model has answered."""
    Thread(target=_load_pillow, daemon=True).start()


def _load_pillow() -> None:
    from PIL import Image, ImageOps  # noqa: F401, PLC0415 - as in `decoded`

    Image.preinit()


@contextmanager
def decoded(png: bytes) -> Iterator["Image"]:
    """The picture. Raises NotAWholePng where it cannot be decoded, or is larger than any model makes."""
    from PIL import Image  # noqa: PLC0415 - costs a tenth of a second that most requests do not need

    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            _load(picture)
            yield picture
    except Image.DecompressionBombError as error:
        raise NotAWholePng("the PNG is larger than any model makes") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise NotAWholePng("the PNG cannot be decoded") from error


def _load(picture: "Image") -> None:
    from PIL.Image import DecompressionBombError  # noqa: PLC0415 - as in `decoded`

    if picture.width * picture.height > MOST_PIXELS:
        raise DecompressionBombError
    picture.load()
