"""What every scene is painted with: gradients, noise, light and silhouettes, all from Pillow's own C loops."""

import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageOps

Colour = tuple[int, int, int]
Size = tuple[int, int]
Point = tuple[float, float]

WHITE: Colour = (255, 255, 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def gradient(size: Size, stops: Sequence[Colour]) -> Image.Image:
    """Blend the colours from top to bottom."""
    return _stretched(Image.frombytes("RGB", (1, len(stops)), bytes(part for stop in stops for part in stop)), size)


def fade(size: Size, *levels: int) -> Image.Image:
    """Return a mask that runs through the levels from top to bottom."""
    return _stretched(Image.frombytes("L", (1, len(levels)), bytes(levels)), size)


def _stretched(strip: Image.Image, size: Size) -> Image.Image:
    ends = (0, 0.5, 1, strip.height - 0.5)
    return strip.resize((1, size[1]), Image.Resampling.BILINEAR, ends).resize(size, Image.Resampling.NEAREST)


def noise(chance: random.Random, size: Size, cells: Size, octaves: int = 4) -> Image.Image:
    """Return smooth fractal noise with the whole range of greys; a single row of cells stays a single row."""
    picture = _static(chance, size, cells)
    for octave in range(1, octaves):
        finer = _static(chance, size, (cells[0] << octave, cells[1] << octave if cells[1] > 1 else 1))
        picture = Image.blend(picture, finer, 0.5**octave / (2 - 0.5**octave))
    return ImageOps.autocontrast(picture)


def _static(chance: random.Random, size: Size, cells: Size) -> Image.Image:
    return Image.frombytes("L", cells, chance.randbytes(cells[0] * cells[1])).resize(size, Image.Resampling.BICUBIC)


def curve(low: int, high: int, top: int = 255) -> Callable[[int], int]:
    """Return a table for Image.point: 0 up to low, top from high on, smooth between."""

    def level(value: int) -> int:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return round(top * share * share * (3 - 2 * share))

    return level


def relief(heights: Image.Image, dx: int, dy: int, strength: float = 1.0) -> Image.Image:
    """Light a height map from one side; mid-grey is flat."""
    shifted = heights.copy()
    shifted.paste(heights, (dx, dy))
    light = ImageChops.subtract(heights, shifted, 1 / strength, 128)
    x, y = abs(dx), abs(dy)
    return light.resize(light.size, Image.Resampling.BILINEAR, (x, y, light.width - x, light.height - y))


def grey(mask: Image.Image) -> Image.Image:
    return Image.merge("RGB", (mask, mask, mask))


def tinted(mask: Image.Image, tint: Colour) -> Image.Image:
    return ImageChops.multiply(grey(mask), Image.new("RGB", mask.size, tint))


def on_ground(texture: Image.Image, size: Size, depth: float) -> Image.Image:
    """Lay a texture on a plane that reaches from the lower edge to the horizon at the upper one."""
    width, height = size
    slope = depth / height
    across, down = texture.size
    plane = (across / width, across * slope / 2, 0, 0, down * (1 + depth) / height * 0.98, 0, 0, slope)
    return texture.transform(size, Image.Transform.PERSPECTIVE, plane, Image.Resampling.BILINEAR)


def glow(picture: Image.Image, centre: Point, radius: float, tint: Colour, strength: float) -> None:
    """Add a round light that fades outwards, in place."""
    side = max(2, round(radius * 2))
    left, top = round(centre[0] - radius), round(centre[1] - radius)
    halo = Image.radial_gradient("L").point(lambda v: round(strength * 255 * max(0.0, 1 - v / 180) ** 2.2))
    light = tinted(halo.resize((side, side), Image.Resampling.BICUBIC), tint)
    lit = ImageChops.screen(picture.crop((left, top, left + side, top + side)), light)
    picture.paste(lit, (left, top))


def disc(picture: Image.Image, centre: Point, face: Image.Image) -> None:
    """Paint the round part of a square face."""
    side = face.width
    corner = (round(centre[0] - side / 2), round(centre[1] - side / 2))
    picture.paste(face, corner, shape(face.size, oval(side / 2, side / 2, side / 2, side / 2)))


def oval(x: float, y: float, across: float, down: float) -> list[Point]:
    turns = (step * math.tau / 64 for step in range(64))
    return [(x + across * math.cos(turn), y + down * math.sin(turn)) for turn in turns]


def shape(size: Size, *outlines: Sequence[Point]) -> Image.Image:
    """Return a mask of what lies within the outlines, with soft edges."""
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    pen = ImageDraw.Draw(mask)
    for outline in outlines:
        pen.polygon([(x * 2, y * 2) for x, y in outline], fill=255)
    return mask.reduce(2)
