"""Finishes every picture: tint, darker edges, grain, and the label that marks it as a preview."""

import io
import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from local.emulator.pictures.brush import WHITE, grey


def tint(picture: Image.Image, name: str) -> Image.Image:
    coloured = ImageChops.soft_light(picture, Image.new("RGB", picture.size, name))
    return Image.blend(picture, coloured, 0.75)


def grain(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Roughen the picture a little, which hides the steps of its gradients."""
    sheet = Image.frombytes("L", picture.size, chance.randbytes(picture.width * picture.height))
    return ImageChops.add(picture, grey(sheet.point(lambda v: 124 + v // 32)), 1, -127)


def vignette(picture: Image.Image) -> Image.Image:
    edge = Image.radial_gradient("L").point(lambda v: 255 - max(0, v - 120) // 2)
    return ImageChops.multiply(picture, grey(edge.resize(picture.size, Image.Resampling.BICUBIC)))


def label(picture: Image.Image, text: str) -> None:
    """Write one small line near the lower edge, high enough to survive a modest crop."""
    width = 0.62 * min(picture.width, math.sqrt(picture.width * picture.height))
    font = ImageFont.load_default(max(1.0, 10 * width / ImageFont.load_default(10).getlength(text)))
    overlay = Image.new("L", picture.size)
    middle = (picture.width / 2, picture.height * 0.955)
    ImageDraw.Draw(overlay).text(middle, text, font=font, anchor="mm", fill=190)
    picture.paste((0, 0, 0), (1, 1), overlay.point(lambda v: v * 140 // 255))
    picture.paste(WHITE, (0, 0), overlay)


def encode(picture: Image.Image, file_format: str, text: str) -> bytes:
    about, file = PngInfo(), io.BytesIO()
    about.add_text("Comment", text)
    picture.save(file, file_format.upper(), pnginfo=about, compress_level=1, quality=90)
    return file.getvalue()
