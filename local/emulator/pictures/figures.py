"""What stands, flies or falls in a scene when the prompt names it."""

import math
from collections.abc import Callable
from functools import partial

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures.brush import Colour, glow, gradient, jagged, mix, moved, rolling, shape, silhouette
from local.emulator.pictures.canvas import Canvas

BoatPart = Callable[[ImageDraw.ImageDraw, float, float, float, int], None]


def paint_figures(canvas: Canvas) -> None:
    for thing, paint in FIGURES.items():
        if thing in canvas.mood.things:
            paint(canvas)


def _foreground(canvas: Canvas) -> Colour:
    return mix(canvas.lit((34, 38, 40)), canvas.mood.light.shade, 0.6)


def _paint_knoll(canvas: Canvas, level: float) -> None:
    """Put ground under what stands in front."""
    knoll = rolling(canvas.chance, canvas.width, level, canvas.height * 0.015, 1.0)
    canvas.image.paste(_foreground(canvas), (0, 0), silhouette(canvas.size, knoll))


def _paint_cat(canvas: Canvas) -> None:
    """Seat a cat on a knoll, seen from behind, looking into the picture."""
    x, tall = canvas.width * canvas.chance.uniform(0.28, 0.72), canvas.height * 0.3
    floor = canvas.height * 0.88
    _paint_knoll(canvas, canvas.height * 0.9)
    mask = shape(canvas.size, lambda pen, k: _draw_cat(pen, x * k, (floor + tall * 0.06) * k, tall * k))
    rim = ImageChops.subtract(mask, moved(mask, round(2 * canvas.unit), round(3 * canvas.unit)))
    canvas.image.paste(_foreground(canvas), (0, 0), mask)
    canvas.image.paste(canvas.mood.light.glow, (0, 0), rim.point(lambda v: v * 150 // 255))


def _draw_cat(pen: ImageDraw.ImageDraw, x: float, floor: float, tall: float) -> None:
    def oval(cx: float, cy: float, rx: float, ry: float) -> None:
        box = (x + (cx - rx) * tall, floor - (cy + ry) * tall, x + (cx + rx) * tall, floor - (cy - ry) * tall)
        pen.ellipse(box, fill=255)

    def patch(*points: tuple[float, float]) -> None:
        pen.polygon([(x + px * tall, floor - py * tall) for px, py in points], fill=255)

    oval(0, 0.24, 0.25, 0.25)
    patch((-0.245, 0.27), (-0.12, 0.66), (0.12, 0.66), (0.245, 0.27))
    oval(0, 0.52, 0.165, 0.22)
    oval(0, 0.755, 0.175, 0.145)
    patch((-0.17, 0.77), (-0.165, 1.0), (-0.03, 0.875))
    patch((0.17, 0.77), (0.165, 1.0), (0.03, 0.875))
    tail = [(0.2 + 0.3 * math.sin(t * 2.6), 0.06 + 0.42 * t * t) for t in (i / 24 for i in range(25))]
    for step, (tx, ty) in enumerate(tail):
        oval(tx, ty, 0.045 - 0.0007 * step, 0.045 - 0.0007 * step)


def _paint_birds(canvas: Canvas) -> None:
    chance = canvas.chance
    x, y = canvas.width * chance.uniform(0.25, 0.75), canvas.height * chance.uniform(0.14, 0.34)
    flock = [
        (x + chance.gauss(0, 90) * canvas.unit, y + chance.gauss(0, 45) * canvas.unit, chance.uniform(7, 20))
        for _ in range(11)
    ]

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        for bx, by, span in flock:
            _draw_bird(pen, bx * k, by * k, span * canvas.unit * k)

    canvas.image.paste(_foreground(canvas), (0, 0), shape(canvas.size, draw))


def _draw_bird(pen: ImageDraw.ImageDraw, x: float, y: float, span: float) -> None:
    for side in (-1, 1):
        wing = ((x, y), (x + side * span * 0.5, y - span * 0.42), (x + side * span, y - span * 0.18))
        under = ((x + side * span * 0.5, y - span * 0.22), (x, y + span * 0.16))
        pen.polygon((*wing, *under), fill=255)


def _paint_boat(canvas: Canvas) -> None:
    """Float a sailing boat and its reflection, where there is water."""
    if canvas.water is None:
        return
    depth = (canvas.height - canvas.water) * canvas.chance.uniform(0.22, 0.45)
    x, y = canvas.width * canvas.chance.uniform(0.2, 0.8), canvas.water + depth
    tall = canvas.unit * 40 + depth * 1.3
    for up, strength in ((-1, 0.28), (1, 1.0)):
        for part, colour in ((_draw_sails, (250, 244, 232)), (_draw_hull, (150, 52, 44))):
            mask = shape(canvas.size, partial(_draw_part, part, (x, y, tall, up)))
            canvas.image.paste(canvas.lit(colour), (0, 0), mask.point(_dimmed(strength)))


def _dimmed(share: float) -> Callable[[int], int]:
    return lambda value: round(value * share)


def _draw_part(part: BoatPart, at: tuple[float, float, float, int], pen: ImageDraw.ImageDraw, k: float) -> None:
    x, y, tall, up = at
    part(pen, x * k, y * k, tall * k, up)


def _draw_sails(pen: ImageDraw.ImageDraw, x: float, y: float, tall: float, up: int) -> None:
    pen.polygon(((x, y - up * tall), (x, y - up * tall * 0.18), (x + tall * 0.42, y - up * tall * 0.18)), fill=255)
    pen.polygon(
        (
            (x - tall * 0.04, y - up * tall * 0.9),
            (x - tall * 0.04, y - up * tall * 0.18),
            (x - tall * 0.3, y - up * tall * 0.18),
        ),
        fill=200,
    )


def _draw_hull(pen: ImageDraw.ImageDraw, x: float, y: float, tall: float, up: int) -> None:
    deck = y - up * tall * 0.12
    pen.polygon(
        (
            (x - tall * 0.36, deck),
            (x + tall * 0.46, deck),
            (x + tall * 0.32, y + up * 2),
            (x - tall * 0.26, y + up * 2),
        ),
        fill=255,
    )


def _paint_balloon(canvas: Canvas) -> None:
    for _ in range(canvas.chance.choice((2, 3, 4))):
        _paint_one_balloon(canvas)


def _paint_one_balloon(canvas: Canvas) -> None:
    chance = canvas.chance
    radius = canvas.unit * chance.uniform(26, 88)
    x, y = canvas.width * chance.uniform(0.12, 0.88), canvas.height * chance.uniform(0.13, 0.5)
    colours = chance.sample(((226, 70, 64), (250, 190, 60), (70, 130, 200), (250, 244, 232), (90, 170, 120)), 2)
    side = max(8, round(radius * 3.2))
    stripes = Image.new("RGB", (side, side), canvas.lit(colours[0]))
    pen = ImageDraw.Draw(stripes)
    for stripe in range(7):
        edge = radius * math.cos(math.pi * (stripe + 1) / 7)
        if stripe % 2:
            pen.rectangle(
                (side / 2 + edge, 0, side / 2 + radius * math.cos(math.pi * stripe / 7), side),
                fill=canvas.lit(colours[1]),
            )
    shading = gradient((side, side), ((255, 255, 255), (214, 208, 214), (130, 116, 140)))
    mask = shape((side, side), lambda pen, k: _draw_balloon(pen, side / 2 * k, radius * k))
    canvas.image.paste(ImageChops.multiply(stripes, shading), (round(x - side / 2), round(y - radius)), mask)


def _draw_balloon(pen: ImageDraw.ImageDraw, x: float, radius: float) -> None:
    pen.ellipse((x - radius, 0, x + radius, radius * 2), fill=255)
    pen.polygon(
        (
            (x - radius * 0.86, radius * 1.5),
            (x + radius * 0.86, radius * 1.5),
            (x + radius * 0.2, radius * 2.35),
            (x - radius * 0.2, radius * 2.35),
        ),
        fill=255,
    )
    pen.rectangle((x - radius * 0.17, radius * 2.55, x + radius * 0.17, radius * 2.85), fill=255)
    for side in (-0.17, 0.17):
        pen.line(
            (x + radius * side, radius * 2.3, x + radius * side, radius * 2.6), fill=200, width=max(1, int(radius / 30))
        )


def _paint_house(canvas: Canvas) -> None:
    x, floor = canvas.width * canvas.chance.uniform(0.25, 0.75), canvas.height * 0.86
    wide = 150 * canvas.unit
    wall, roof = canvas.lit((206, 178, 146)), canvas.lit((120, 58, 48))
    _paint_knoll(canvas, canvas.height * 0.85)
    pen = ImageDraw.Draw(canvas.image)
    pen.rectangle((x - wide * 0.5, floor - wide * 0.5, x + wide * 0.5, floor), fill=wall)
    pen.rectangle((x + wide * 0.22, floor - wide * 1.02, x + wide * 0.34, floor - wide * 0.6), fill=roof)
    pen.polygon(
        ((x - wide * 0.62, floor - wide * 0.48), (x, floor - wide), (x + wide * 0.62, floor - wide * 0.48)), fill=roof
    )
    pen.rectangle((x - wide * 0.08, floor - wide * 0.3, x + wide * 0.08, floor), fill=roof)
    for side in (-0.32, 0.18):
        left, top = x + side * wide, floor - wide * 0.36
        pen.rectangle((left, top, left + wide * 0.14, top + wide * 0.16), fill=(255, 214, 130))
        glow(canvas.image, (left + wide * 0.07, top + wide * 0.08), wide * 0.5, (255, 190, 100), 0.5)


def _paint_tree(canvas: Canvas) -> None:
    """Grow one old tree, branch by branch."""
    chance = canvas.chance
    x, floor = canvas.width * chance.choice((0.24, 0.76)), canvas.height * 0.9
    _paint_knoll(canvas, canvas.height * 0.89)
    limbs: list[tuple[float, float, float, float, float]] = []
    leaves: list[tuple[float, float, float]] = []

    def grow(bx: float, by: float, angle: float, length: float, order: int) -> None:
        ex, ey = bx + length * math.cos(angle), by - length * math.sin(angle)
        limbs.append((bx, by, ex, ey, length * 0.16))
        if order == 0:
            leaves.append((ex, ey, 26 * canvas.unit * chance.uniform(0.6, 1.3)))
            return
        for turn in (-1, 1, chance.choice((-0.4, 0.4))):
            grow(ex, ey, angle + turn * chance.uniform(0.3, 0.6), length * chance.uniform(0.66, 0.8), order - 1)

    grow(x, floor, math.pi / 2, canvas.height * 0.16, 4)
    _paint_tree_parts(canvas, limbs, leaves)


def _paint_tree_parts(
    canvas: Canvas,
    limbs: list[tuple[float, float, float, float, float]],
    leaves: list[tuple[float, float, float]],
) -> None:
    def wood(pen: ImageDraw.ImageDraw, k: float) -> None:
        for bx, by, ex, ey, thick in limbs:
            pen.line((bx * k, by * k, ex * k, ey * k), fill=255, width=max(1, round(thick * k)))

    canvas.image.paste(_foreground(canvas), (0, 0), shape(canvas.size, wood))
    autumn: Colour = (206, 104, 40)
    pen = ImageDraw.Draw(canvas.image)
    leaf = canvas.lit(autumn if "autumn" in canvas.mood.things else (70, 118, 62))
    for x, y, radius in sorted(leaves, key=lambda spray: -spray[1]):
        for _ in range(7):
            px, py = x + canvas.chance.gauss(0, radius * 0.8), y + canvas.chance.gauss(0, radius * 0.6)
            spot = radius * canvas.chance.uniform(0.25, 0.6)
            colour = mix(
                mix(leaf, canvas.mood.light.shade, 0.25), canvas.mood.light.glow, canvas.chance.random() ** 2 * 0.5
            )
            pen.ellipse((px - spot, py - spot * 0.8, px + spot, py + spot * 0.8), fill=colour)


def _paint_lighthouse(canvas: Canvas) -> None:
    x, floor, tall = canvas.width * canvas.chance.choice((0.2, 0.8)), canvas.height * 0.62, canvas.height * 0.3
    _paint_rocks(canvas, (x, floor), tall)
    for band in range(5):
        low, high = band / 5, (band + 1) / 5
        colour = canvas.lit((236, 232, 224) if band % 2 else (196, 56, 50))
        _paint_band(canvas, (x, floor), tall, (low, high), colour)
    lamp = (x, floor - tall * 1.06)
    _paint_band(canvas, (x, floor), tall, (1.02, 1.12), (255, 240, 190))
    glow(canvas.image, lamp, tall * 0.9, (255, 226, 150), 0.9)


def _paint_rocks(canvas: Canvas, foot: tuple[float, float], tall: float) -> None:
    wide, top = math.ceil(tall * 1.3), tall * 0.26
    rocks = [(x, y + top * abs(2 * x / wide - 1) ** 2.2) for x, y in jagged(canvas.chance, wide, top * 0.3, top * 0.3)]
    mask = silhouette((wide, math.ceil(top * 0.75)), rocks)
    body = gradient(mask.size, (canvas.lit((96, 98, 104)), _foreground(canvas)))
    canvas.image.paste(body, (round(foot[0] - wide / 2), round(foot[1] - top * 0.22)), mask)


def _paint_band(
    canvas: Canvas, foot: tuple[float, float], tall: float, part: tuple[float, float], colour: Colour
) -> None:
    x, floor = foot
    low, high = (0.085 - 0.035 * share for share in part)
    corners = (
        (x - tall * low, floor - tall * part[0]),
        (x + tall * low, floor - tall * part[0]),
        (x + tall * high, floor - tall * part[1]),
        (x - tall * high, floor - tall * part[1]),
    )
    ImageDraw.Draw(canvas.image).polygon(corners, fill=colour)


def _paint_rain(canvas: Canvas) -> None:
    chance = canvas.chance
    mask = Image.new("L", canvas.size)
    pen = ImageDraw.Draw(mask)
    for _ in range(650):
        x, y, length = chance.uniform(0, canvas.width * 1.1), chance.uniform(-40, canvas.height), chance.uniform(14, 46)
        length *= canvas.unit
        pen.line((x, y, x - length * 0.2, y + length), fill=chance.randint(30, 110), width=max(1, round(canvas.unit)))
    canvas.image.paste((226, 234, 244), (0, 0), mask.filter(ImageFilter.GaussianBlur(0.6)))


def _paint_snow(canvas: Canvas) -> None:
    chance = canvas.chance
    mask = Image.new("L", canvas.size)
    pen = ImageDraw.Draw(mask)
    for _ in range(520):
        radius = canvas.unit * (0.8 + 4.5 * chance.random() ** 4)
        x, y = chance.uniform(0, canvas.width), chance.uniform(0, canvas.height)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=chance.randint(110, 240))
    canvas.image.paste((250, 252, 255), (0, 0), mask.filter(ImageFilter.GaussianBlur(0.8 * canvas.unit)))


def _paint_fireflies(canvas: Canvas) -> None:
    for _ in range(36):
        x, y = canvas.chance.uniform(0, canvas.width), canvas.height * canvas.chance.uniform(0.45, 0.95)
        radius = canvas.unit * canvas.chance.uniform(6, 22)
        glow(canvas.image, (x, y), radius, (255, 226, 120), 0.9)
        glow(canvas.image, (x, y), radius * 0.3, (255, 255, 230), 1.0)


FIGURES: dict[str, Callable[[Canvas], None]] = {
    "house": _paint_house,
    "lighthouse": _paint_lighthouse,
    "tree": _paint_tree,
    "boat": _paint_boat,
    "balloon": _paint_balloon,
    "birds": _paint_birds,
    "cat": _paint_cat,
    "fireflies": _paint_fireflies,
    "rain": _paint_rain,
    "snow": _paint_snow,
}
