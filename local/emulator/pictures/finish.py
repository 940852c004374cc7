"""What every picture gets last: grain, a darker edge, and the line that says what it is."""

import io
import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from local.emulator.pictures.brush import Colour, grey


def tint(picture: Image.Image, colour: Colour) -> Image.Image:
    coloured = ImageChops.soft_light(picture, Image.new("RGB", picture.size, colour))
    return Image.blend(picture, coloured, 0.75)


def grain(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Roughen the picture a little, which hides the steps of its gradients."""
    side = 256
    tile = Image.frombytes("L", (side, side), chance.randbytes(side * side)).point(lambda v: 124 + v // 32)
    sheet = Image.new("L", picture.size)
    for x in range(0, picture.width, side):
        for y in range(0, picture.height, side):
            sheet.paste(tile, (x, y))
    return ImageChops.add(picture, grey(sheet), 1, -127)


def vignette(picture: Image.Image) -> Image.Image:
    edge = Image.radial_gradient("L").point(lambda v: 255 - max(0, v - 120) // 2)
    return ImageChops.multiply(picture, grey(edge.resize(picture.size, Image.Resampling.BICUBIC)))


def label(picture: Image.Image, text: str) -> None:
    """Write one small line near the lower edge, high enough to outlast a modest crop."""
    font = _font(text, 0.62 * min(picture.width, math.sqrt(picture.width * picture.height)))
    middle = (picture.width / 2, picture.height * 0.955)
    overlay = Image.new("L", picture.size)
    ImageDraw.Draw(overlay).text(middle, text, font=font, anchor="mm", fill=190)
    picture.paste((0, 0, 0), (1, 1), overlay.point(lambda v: v * 140 // 255))
    picture.paste((255, 255, 255), (0, 0), overlay)


def _font(text: str, width: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    size = 10.0
    measured = ImageFont.load_default(size).getlength(text)
    return ImageFont.load_default(max(1.0, size * width / measured))


def encode(picture: Image.Image, file_format: str, text: str) -> bytes:
    file = io.BytesIO()
    if file_format == "png":
        about = PngInfo()
        about.add_text("Comment", text)
        picture.save(file, "PNG", pnginfo=about, compress_level=1)
    else:
        picture.save(file, file_format.upper(), quality=90)
    return file.getvalue()
