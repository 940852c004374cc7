"""Deserts and meadows."""

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from local.emulator.pictures.brush import (
    Colour,
    Point,
    fade,
    gradient,
    grey,
    height_at,
    mix,
    noise,
    on_ground,
    relief,
    rolling,
    shape,
    silhouette,
)
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.mountains import leaf
from local.emulator.pictures.sky import paint_sky


def paint_desert(canvas: Canvas) -> None:
    paint_sky(canvas, 0.62)
    layers = 4
    for layer in range(layers):
        nearness = layer / (layers - 1)
        crest = rolling(canvas.chance, canvas.width, canvas.height * (0.58 + 0.3 * nearness), canvas.height * 0.06, 0.8)
        _paint_dune(canvas, crest, nearness)


def _paint_dune(canvas: Canvas, crest: Sequence[Point], nearness: float) -> None:
    sand = canvas.far(canvas.lit((232, 172, 104)), 0.6 * (1 - nearness))
    bright = mix(sand, canvas.mood.light.glow, 0.4)
    top = max(0, round(min(y for _, y in crest)))
    size = (canvas.width, max(2, canvas.height - top))
    body = gradient(size, (bright, sand, mix(sand, canvas.mood.light.shade, 0.25)))
    body.paste(mix(sand, canvas.mood.light.shade, 0.5), (0, 0), _lee(canvas, crest, top, size))
    ripples = on_ground(noise(canvas.chance, (512, 512), (18, 100), 3), size, 3.0)
    body = ImageChops.overlay(body, grey(relief(ripples, 1, 2, 0.12 + 0.2 * nearness)))
    canvas.image.paste(body, (0, top), silhouette(size, [(x, y - top) for x, y in crest]))


def _lee(canvas: Canvas, crest: Sequence[Point], top: int, size: tuple[int, int]) -> Image.Image:
    """Mask the side that faces away from the sun, from the highest point down along a winding edge."""
    side = 1 if canvas.sun[0] < canvas.width / 2 else -1
    x, y = min(crest, key=lambda point: point[1])
    sway, reach = canvas.chance.uniform(0.04, 0.12) * canvas.width, canvas.chance.uniform(-0.1, 0.35) * canvas.width
    edge = [
        (x + side * (reach * t + sway * math.sin(t * 5)), y - top + (size[1] - y + top) * t)
        for t in (step / 40 for step in range(41))
    ]
    behind = [(px, py - top - 2) for px, py in crest if (px - x) * side >= 0]
    far_corner = (canvas.width + 4.0 if side > 0 else -4.0, float(size[1]))

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        outline = [*(edge[::-1]), *(behind if side > 0 else behind[::-1]), far_corner]
        pen.polygon([(px * k, py * k) for px, py in outline], fill=235)

    return ImageChops.multiply(shape(size, draw), fade(size, (255, 200, 90)))


def paint_meadow(canvas: Canvas) -> None:
    paint_sky(canvas, 0.6)
    green = (104, 146, 62) if "autumn" not in canvas.mood.things else (186, 140, 60)
    for nearness in (0.0, 0.35, 0.7):
        base = canvas.height * (0.52 + 0.2 * nearness)
        hill = rolling(canvas.chance, canvas.width, base, canvas.height * 0.045, 1.1)
        _paint_hill(canvas, hill, canvas.far(canvas.lit(green), 0.6 * (1 - nearness)), nearness)
        if nearness:
            _paint_copse(canvas, hill, nearness)
    _paint_flowers(canvas)


def _paint_hill(canvas: Canvas, hill: Sequence[Point], colour: Colour, nearness: float) -> None:
    top = max(0, round(min(y for _, y in hill)))
    size = (canvas.width, max(2, canvas.height - top))
    body = gradient(size, (mix(colour, canvas.mood.light.glow, 0.3), colour, mix(colour, canvas.mood.light.shade, 0.5)))
    grass = on_ground(noise(canvas.chance, (512, 512), (60, 20), 4), size, 4.0)
    body = ImageChops.overlay(body, grey(relief(grass, 2, 2, 0.3 + 0.5 * nearness)))
    canvas.image.paste(body, (0, top), silhouette(size, [(x, y - top) for x, y in hill]))


def _paint_copse(canvas: Canvas, hill: Sequence[Point], nearness: float) -> None:
    """Paint round trees along a hill, each a heap of leafy discs that catch the light on top."""
    pen = ImageDraw.Draw(canvas.image)
    dark = canvas.far(canvas.lit(mix(leaf(canvas), (24, 52, 26), 0.4)), 0.45 * (1 - nearness))
    centre, tall = canvas.chance.uniform(0.1, 0.9) * canvas.width, 46 * canvas.unit * (0.4 + nearness)
    for _ in range(9):
        x = centre + canvas.chance.gauss(0, tall * 3)
        _paint_round_tree(canvas, pen, (x, height_at(hill, x)), tall * canvas.chance.uniform(0.6, 1.1), dark)


def _paint_round_tree(canvas: Canvas, pen: ImageDraw.ImageDraw, foot: Point, tall: float, dark: Colour) -> None:
    (x, y), chance = foot, canvas.chance
    trunk = tall * 0.05
    pen.rectangle((x - trunk, y - tall * 0.5, x + trunk, y + tall * 0.08), fill=mix(dark, (40, 24, 16), 0.6))
    for layer in range(26):
        lift = layer / 25
        spread = tall * 0.42 * math.sin(math.pi * (0.2 + 0.72 * lift))
        px, py = x + chance.uniform(-spread, spread), y - tall * (0.3 + 0.72 * lift)
        radius = tall * chance.uniform(0.09, 0.17)
        colour = mix(dark, canvas.mood.light.glow, 0.32 * lift * chance.random())
        pen.ellipse((px - radius, py - radius * 0.8, px + radius, py + radius * 0.8), fill=colour)


def _paint_flowers(canvas: Canvas) -> None:
    chance, pen = canvas.chance, ImageDraw.Draw(canvas.image)
    petals = chance.choice(
        (
            ((250, 220, 70), (255, 255, 255), (250, 140, 60)),
            ((226, 60, 70), (250, 120, 90), (255, 236, 220)),
            ((170, 110, 230), (220, 160, 250), (250, 240, 255)),
            ((250, 140, 180), (255, 220, 230), (250, 210, 90)),
        )
    )
    for _ in range(700):
        depth = chance.random() ** 1.5
        y = canvas.height * (0.72 + 0.3 * depth)
        radius = canvas.unit * (1.5 + 13 * depth**2)
        colour = mix(canvas.lit(chance.choice(petals)), canvas.mood.light.haze, 0.25 * (1 - depth))
        _paint_flower(pen, (chance.uniform(0, canvas.width), y), radius, colour, chance.uniform(0, 1))


def _paint_flower(pen: ImageDraw.ImageDraw, centre: Point, radius: float, colour: Colour, turn: float) -> None:
    x, y = centre
    if radius > 4:  # noqa: PLR2004 - stems and petals are seen from near only
        pen.line(
            (x, y, x + radius * (turn - 0.5), y + radius * 4),
            fill=mix(colour, (40, 80, 30), 0.85),
            width=max(1, int(radius / 4)),
        )
    for petal in range(5 if radius > 2 else 1):  # noqa: PLR2004 - as above
        angle = (petal + turn) * math.tau / 5
        px, py = x + radius * 0.55 * math.cos(angle), y + radius * 0.4 * math.sin(angle)
        pen.ellipse((px - radius * 0.5, py - radius * 0.4, px + radius * 0.5, py + radius * 0.4), fill=colour)
    heart = radius * 0.28
    pen.ellipse((x - heart, y - heart * 0.8, x + heart, y + heart * 0.8), fill=mix(colour, (110, 70, 20), 0.55))
