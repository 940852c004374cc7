"""What every scene is painted with: gradients, noise, light and silhouettes, all from Pillow's own C loops."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageOps

Colour = tuple[int, int, int]
Size = tuple[int, int]
Point = tuple[float, float]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def gradient(size: Size, stops: Sequence[Colour]) -> Image.Image:
    """Blend the stops from top to bottom."""
    rows = 256
    strip = bytes(part for row in range(rows) for part in _between(stops, row / (rows - 1)))
    column = Image.frombytes("RGB", (1, rows), strip).resize((1, size[1]), Image.Resampling.BICUBIC)
    return column.resize(size, Image.Resampling.NEAREST)


def _between(stops: Sequence[Colour], position: float) -> Colour:
    scaled = position * (len(stops) - 1)
    first = min(int(scaled), len(stops) - 2)
    return mix(stops[first], stops[first + 1], scaled - first)


def fade(size: Size, levels: Sequence[int]) -> Image.Image:
    """Return a mask that goes through the levels from top to bottom."""
    return gradient(size, [(level, level, level) for level in levels]).getchannel(0)


def noise(chance: random.Random, size: Size, cells: Size, octaves: int = 4) -> Image.Image:
    """Return smooth fractal noise with the whole range of greys."""
    picture = _static(chance, size, cells)
    for octave in range(1, octaves):
        finer = _static(chance, size, (cells[0] << octave, cells[1] << octave))
        picture = Image.blend(picture, finer, 0.5**octave / (2 - 0.5**octave))
    return ImageOps.autocontrast(picture, cutoff=1)


def _static(chance: random.Random, size: Size, cells: Size) -> Image.Image:
    grey = Image.frombytes("L", cells, chance.randbytes(cells[0] * cells[1]))
    return grey.resize(size, Image.Resampling.BICUBIC)


def relief(heights: Image.Image, dx: int, dy: int, strength: float = 1.0) -> Image.Image:
    """Light a height map from one side; mid-grey is flat."""
    light = ImageChops.subtract(heights, moved(heights, dx, dy), 1 / strength, 128)
    x, y = abs(dx), abs(dy)
    return light.resize(light.size, Image.Resampling.BILINEAR, (x, y, light.width - x, light.height - y))


def moved(picture: Image.Image, dx: int, dy: int) -> Image.Image:
    """Shift a picture without wrapping round: what comes in at an edge is what was there."""
    shifted = picture.copy()
    shifted.paste(picture, (dx, dy))
    return shifted


def ridged(heights: Image.Image) -> Image.Image:
    """Fold smooth noise into ridges and gullies."""
    return heights.point(lambda v: 255 - abs(2 * v - 255))


def curve(low: int, high: int, top: int = 255) -> Callable[[int], int]:
    """Return a table for Image.point: 0 up to low, top from high on, smooth between."""

    def level(value: int) -> int:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return round(top * share * share * (3 - 2 * share))

    return level


def grey(mask: Image.Image) -> Image.Image:
    return Image.merge("RGB", (mask, mask, mask))


def tinted(mask: Image.Image, colour: Colour) -> Image.Image:
    return ImageChops.multiply(grey(mask), Image.new("RGB", mask.size, colour))


def on_ground(texture: Image.Image, size: Size, depth: float = 6.0) -> Image.Image:
    """Lay a texture on a plane that reaches from the lower edge to the horizon at the upper one."""
    width, height = size
    across, down = texture.size
    slope = depth / height
    plane = (across / width, across * slope / 2, 0, 0, down * (1 + depth) / height * 0.98, 0, 0, slope)
    return texture.transform(size, Image.Transform.PERSPECTIVE, plane, Image.Resampling.BILINEAR)


def glow(picture: Image.Image, centre: Point, radius: float, colour: Colour, strength: float = 1.0) -> None:
    """Add a round light that fades outwards, in place."""
    side = max(2, round(radius * 2))
    corner = (round(centre[0] - radius), round(centre[1] - radius))
    halo = Image.radial_gradient("L").point(lambda v: round(strength * 255 * max(0.0, 1 - v / 180) ** 2.2))
    box = (
        max(0, corner[0]),
        max(0, corner[1]),
        min(picture.width, corner[0] + side),
        min(picture.height, corner[1] + side),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    light = halo.resize((side, side), Image.Resampling.BICUBIC)
    light = light.crop((box[0] - corner[0], box[1] - corner[1], box[2] - corner[0], box[3] - corner[1]))
    picture.paste(ImageChops.screen(picture.crop(box), tinted(light, colour)), box)


def shape(size: Size, draw: Callable[[ImageDraw.ImageDraw, float], None]) -> Image.Image:
    """Return a mask with soft edges of what draw(pen, scale) draws at twice the size."""
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    draw(ImageDraw.Draw(mask), 2.0)
    return mask.reduce(2)


def silhouette(size: Size, skyline: Sequence[Point]) -> Image.Image:
    """Return the mask of everything below a skyline."""

    def draw(pen: ImageDraw.ImageDraw, scale: float) -> None:
        line = [(x * scale, y * scale) for x, y in skyline]
        bottom = size[1] * scale + 2
        pen.polygon([(line[0][0], bottom), *line, (line[-1][0], bottom)], fill=255)

    return shape(size, draw)


def jagged(chance: random.Random, width: int, base: float, amplitude: float, rough: float = 0.55) -> list[Point]:
    """Return a mountain skyline by midpoint displacement, from the base up to the amplitude."""
    heights = [chance.uniform(-1, 1), chance.uniform(-1, 1)]
    spread = 1.0
    while len(heights) < 257:  # noqa: PLR2004 - finer than a pixel shows nothing
        middles = [(a + b) / 2 + chance.uniform(-spread, spread) for a, b in pairwise(heights)]
        heights = [value for pair in zip(heights, [*middles, 0.0], strict=True) for value in pair][:-1]
        spread *= rough
    low, high = min(heights), max(heights)
    step = (width + 8) / (len(heights) - 1)
    return [(i * step - 4, base - amplitude * (value - low) / (high - low)) for i, value in enumerate(heights)]


def rolling(chance: random.Random, width: int, base: float, amplitude: float, waves: float = 1.5) -> list[Point]:
    """Return a skyline of soft hills."""
    parts = [(waves * 1.7**k * chance.uniform(0.7, 1.3), chance.uniform(0, math.tau), 0.55**k) for k in range(4)]
    steps = 129
    return [
        (
            i * (width + 8) / (steps - 1) - 4,
            base - amplitude * sum(h * math.sin(f * math.tau * i / steps + p) for f, p, h in parts),
        )
        for i in range(steps)
    ]


def height_at(skyline: Sequence[Point], x: float) -> float:
    return min(skyline, key=lambda point: abs(point[0] - x))[1]
