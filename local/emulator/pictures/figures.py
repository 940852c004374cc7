"""The figures and the weather that a prompt names."""

import math
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter

from local.emulator.pictures.brush import WHITE, Colour, Point, glow, mix, oval, shape
from local.emulator.pictures.canvas import Canvas

Outline = list[Point]


def paint_figures(canvas: Canvas) -> None:
    for thing, paint in FIGURES.items():
        if thing in canvas.mood.things:
            paint(canvas)


def _box(left: float, low: float, right: float, high: float) -> Outline:
    return [(left, low), (right, low), (right, high), (left, high)]


def _stamp(canvas: Canvas, foot: Point, tall: float, colour: Colour, *outlines: Outline) -> None:
    """Paint outlines whose unit is the figure's height, and whose origin is the middle of its foot."""
    side = math.ceil(tall * 3)
    placed = ([(side / 2 + x * tall, side / 2 - y * tall) for x, y in outline] for outline in outlines)
    mask = shape((side, side), *placed)
    canvas.image.paste(colour, (round(foot[0] - side / 2), round(foot[1] - side / 2)), mask)


def _dark(canvas: Canvas) -> Colour:
    return mix(canvas.lit((34, 38, 40)), canvas.mood.light.shade, 0.6)


def _on_knoll(canvas: Canvas) -> Point:
    """Raise the ground in front, and return a place on it."""
    canvas.ground(canvas.skyline(0.92, 0.04, 3, 1), [_dark(canvas)] * 2)
    return canvas.place((0.25, 0.75), (0.9, 0.9))


def _paint_cat(canvas: Canvas) -> None:
    """Seat a cat on a knoll, seen from behind, looking into the picture."""
    (x, y), tall, rim = _on_knoll(canvas), canvas.height * 0.3, 2 * canvas.unit
    _stamp(canvas, (x - rim, y - rim), tall, mix(_dark(canvas), canvas.mood.light.glow, 0.6), *CAT)
    _stamp(canvas, (x, y), tall, _dark(canvas), *CAT)


def _paint_birds(canvas: Canvas) -> None:
    chance, (x, y) = canvas.chance, canvas.place((0.25, 0.75), (0.14, 0.34))
    for _ in range(11):
        bird = (x + chance.gauss(0, 90) * canvas.unit, y + chance.gauss(0, 45) * canvas.unit)
        _stamp(canvas, bird, chance.uniform(7, 20) * canvas.unit, _dark(canvas), WINGS)


def _paint_boat(canvas: Canvas) -> None:
    """Float a sailing boat, where there is water."""
    if canvas.water:
        depth = (canvas.height - canvas.water) * canvas.chance.uniform(0.22, 0.45)
        foot, tall = (canvas.width * canvas.chance.uniform(0.2, 0.8), canvas.water + depth), canvas.unit * 40 + depth
        _stamp(canvas, foot, tall, canvas.lit((250, 244, 232)), *SAILS)
        _stamp(canvas, foot, tall, canvas.lit((150, 52, 44)), HULL)


def _paint_balloons(canvas: Canvas) -> None:
    for _ in range(canvas.chance.choice((2, 3, 4))):
        foot, tall = canvas.place((0.12, 0.88), (0.25, 0.55)), canvas.unit * canvas.chance.uniform(75, 250)
        silks = [canvas.lit(colour) for colour in canvas.chance.sample(SILKS, 2)]
        _stamp(canvas, foot, tall, silks[0], *BALLOON)
        for stripe, across in enumerate((0.27, 0.16, 0.06)):
            _stamp(canvas, foot, tall, silks[(stripe + 1) % 2], oval(0, 0.64, across, 0.36))


def _paint_house(canvas: Canvas) -> None:
    (x, y), tall = _on_knoll(canvas), 150 * canvas.unit
    _stamp(canvas, (x, y), tall, canvas.lit((206, 178, 146)), _box(-0.5, 0, 0.5, 0.5))
    _stamp(canvas, (x, y), tall, canvas.lit((120, 58, 48)), *ROOF)
    for side in (-0.25, 0.25):
        _stamp(canvas, (x, y), tall, (255, 214, 130), _box(side - 0.07, 0.2, side + 0.07, 0.36))
        glow(canvas.image, (x + side * tall, y - 0.28 * tall), tall * 0.5, (255, 190, 100), 0.5)


def _paint_lighthouse(canvas: Canvas) -> None:
    x, y = canvas.width * canvas.chance.choice((0.2, 0.8)), canvas.height * 0.62
    tall = canvas.height * 0.3
    _stamp(canvas, (x, y), tall, _dark(canvas), oval(0, -0.02, 0.5, 0.06), oval(0.1, 0.02, 0.25, 0.06))
    for band in range(6):
        colour = canvas.lit((236, 232, 224) if band % 2 else (196, 56, 50))
        top, half = 1 - band / 6, 0.06 + 0.005 * band
        _stamp(canvas, (x, y), tall, colour, [(-0.09, 0), (0.09, 0), (half, top), (-half, top)])
    _stamp(canvas, (x, y), tall, (255, 240, 190), _box(-0.045, 1.02, 0.045, 1.1))
    glow(canvas.image, (x, y - tall * 1.06), tall * 0.9, (255, 226, 150), 0.9)


def _paint_rain(canvas: Canvas) -> None:
    def drop(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
        length = canvas.unit * canvas.chance.uniform(14, 46)
        pen.line((x, y, x - length * 0.2, y + length), canvas.chance.randint(30, 110), max(1, round(canvas.unit)))

    _fall(canvas, drop)


def _paint_snow(canvas: Canvas) -> None:
    def flake(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
        pen.circle((x, y), canvas.unit * (0.8 + 4.5 * canvas.chance.random() ** 4), canvas.chance.randint(110, 240))

    _fall(canvas, flake)


def _fall(canvas: Canvas, draw: Callable[[ImageDraw.ImageDraw, float, float], None]) -> None:
    mask = Image.new("L", canvas.image.size)
    for _ in range(600):
        draw(ImageDraw.Draw(mask), *canvas.place((0, 1), (0, 1)))
    canvas.image.paste(WHITE, (0, 0), mask.filter(ImageFilter.GaussianBlur(0.7 * canvas.unit)))


CAT = [
    oval(0, 0.24, 0.25, 0.25),
    [(-0.245, 0.27), (-0.12, 0.66), (0.12, 0.66), (0.245, 0.27)],
    oval(0, 0.52, 0.165, 0.22),
    oval(0, 0.755, 0.175, 0.145),
    [(-0.17, 0.77), (-0.165, 1.0), (-0.03, 0.875)],
    [(0.17, 0.77), (0.165, 1.0), (0.03, 0.875)],
    *(oval(0.2 + 0.3 * math.sin(t * 0.13), 0.06 + 0.42 * t * t / 400, 0.04, 0.04) for t in range(21)),
]
WINGS = [(0, -0.16), (0.5, 0.22), (1, 0.18), (0.5, 0.42), (0, 0), (-0.5, 0.42), (-1, 0.18), (-0.5, 0.22)]
SAILS = [[(0, 1), (0, 0.18), (0.42, 0.18)], [(-0.04, 0.9), (-0.04, 0.18), (-0.3, 0.18)]]
HULL = [(-0.36, 0.12), (0.46, 0.12), (0.32, 0), (-0.26, 0)]
SILKS: tuple[Colour, ...] = ((226, 70, 64), (250, 190, 60), (70, 130, 200), (250, 244, 232), (90, 170, 120))
BASKET = _box(-0.06, 0, 0.06, 0.1)
BALLOON = [oval(0, 0.64, 0.36, 0.36), [(-0.31, 0.46), (0.31, 0.46), (0.07, 0.15), (-0.07, 0.15)], BASKET]
ROOF = [[(-0.62, 0.48), (0, 1), (0.62, 0.48)], _box(0.22, 0.6, 0.34, 1.02), _box(-0.08, 0, 0.08, 0.3)]
FIGURES: dict[str, Callable[[Canvas], None]] = {
    "house": _paint_house,
    "lighthouse": _paint_lighthouse,
    "boat": _paint_boat,
    "balloons": _paint_balloons,
    "birds": _paint_birds,
    "cat": _paint_cat,
    "rain": _paint_rain,
    "snow": _paint_snow,
}
