"""Scenes with a horizon: mountains, forests, hills, the sea and a city by the water."""

import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures import brush
from local.emulator.pictures.brush import WHITE, Colour, Point, Size, curve, fade, glow, grey, mix, noise, relief, shape
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.sky import paint_sky

LEAF: Colour = (46, 92, 62)
AUTUMN: Colour = (172, 84, 36)


def paint_mountains(canvas: Canvas) -> None:
    paint_sky(canvas, 0.72)
    for nearness, base, amplitude in ((0.0, 0.6, 0.3), (0.33, 0.66, 0.2), (0.66, 0.72, 0.13), (1.0, 0.77, 0.08)):
        _paint_ridge(canvas, nearness, base, amplitude)
    if "lake" in canvas.mood.things or canvas.chance.random() < 0.4:  # noqa: PLR2004 - some valleys hold a lake
        _paint_conifers(canvas, 0.755, 0.0, air=0.3)
        _paint_water(canvas, 0.765)
    else:
        _paint_conifers(canvas, 0.86, 0.5, air=0.5)
        _paint_conifers(canvas, 0.98, 0.9, air=0.1)


def paint_forest(canvas: Canvas) -> None:
    paint_sky(canvas, 0.7)
    _paint_ridge(canvas, 0.3, 0.58, 0.2)
    for base, nearness in ((0.6, 0.15), (0.73, 0.4), (0.86, 0.7), (0.99, 1.0)):
        _paint_conifers(canvas, base, nearness, air=1 - nearness)
        if nearness < 1:
            _paint_mist(canvas, base + 0.02)


def _paint_ridge(canvas: Canvas, nearness: float, base: float, amplitude: float) -> None:
    rock = canvas.far(canvas.lit(mix((98, 112, 140), _leaf(canvas), nearness)), 0.62 - 0.58 * nearness)
    peak, foot = mix(WHITE, rock, 0.4 + 0.6 * nearness), canvas.far(rock, 0.85 - 0.5 * nearness)
    folds = noise(canvas.chance, (canvas.width // 2, canvas.height // 3), (9, 9), 5)
    slopes = folds.point(lambda v: 255 - abs(2 * v - 255))
    light = relief(slopes, 2 * canvas.sunny_side, 1, 0.55 + 0.35 * nearness)
    canvas.ground(canvas.skyline(base, amplitude, 5, 6), (peak, mix(peak, rock, 0.6), rock, foot, foot, foot), light)


def _leaf(canvas: Canvas) -> Colour:
    leaf = AUTUMN if "autumn" in canvas.mood.things else LEAF
    return mix(leaf, WHITE, 0.7) if "snow" in canvas.mood.things else leaf


def _paint_conifers(canvas: Canvas, base: float, nearness: float, air: float) -> None:
    """Paint a row of conifers, larger the nearer it stands and paler the more air is between."""
    tall = canvas.height * (0.07 + 0.24 * nearness)
    top = round(canvas.height * base - tall * 1.2)
    size = (canvas.width, max(2, canvas.height - top))
    colour = mix(canvas.lit(_leaf(canvas)), canvas.mood.light.shade, 0.55 - 0.3 * air)
    step = tall * 0.22
    places = [(i + canvas.chance.uniform(-0.5, 0.5)) * step for i in range(math.ceil(canvas.width / step) + 1)]
    trees = [_conifer(canvas, (x, tall * canvas.chance.uniform(1.15, 1.3)), tall) for x in places]
    floor = [(0, size[1]), (0, tall * 1.22), (size[0], tall * 1.22), size]
    canvas.image.paste(canvas.far(colour, 0.6 * air), (0, top), shape(size, floor, *trees))


def _conifer(canvas: Canvas, foot: Point, tall: float) -> list[Point]:
    """Outline a conifer whose branches come in steps."""
    (x, y), height = foot, tall * canvas.chance.uniform(0.5, 1.1)
    right = [(x, y - height)]
    for step in range(1, 10):
        level, reach = y - height * (1 - step / 9), height * step / 47 * canvas.chance.uniform(0.75, 1.15)
        right += [(x + reach, level), (x + reach * 0.45, level - height * 0.02)]
    return [*right, (x, y + height * 0.1), *((2 * x - px, py) for px, py in reversed(right))]


def _paint_mist(canvas: Canvas, level: float) -> None:
    size = (canvas.width, max(2, round(canvas.height * 0.16)))
    drift = noise(canvas.chance, size, (5, 2)).point(curve(40, 220, 150))
    corner = (0, round(canvas.height * level - size[1] / 2))
    canvas.image.paste(canvas.mood.light.haze, corner, ImageChops.multiply(drift, fade(size, 0, 255, 0)))


def paint_desert(canvas: Canvas) -> None:
    _paint_hills(canvas, (232, 172, 104), (18, 100))


def paint_meadow(canvas: Canvas) -> None:
    _paint_hills(canvas, AUTUMN if "autumn" in canvas.mood.things else (104, 146, 62), (60, 20))
    chance, pen = canvas.chance, ImageDraw.Draw(canvas.image)
    petals = [canvas.lit(chance.choice(((250, 220, 70), (240, 90, 90), (190, 130, 240), WHITE))) for _ in range(3)]
    for depth in sorted(chance.random() ** 1.5 for _ in range(900)):
        flower = (chance.uniform(0, canvas.width), canvas.height * (0.74 + 0.3 * depth))
        pen.circle(flower, canvas.unit * (1 + 7 * depth**2), canvas.far(chance.choice(petals), 0.25 * (1 - depth)))


def _paint_hills(canvas: Canvas, colour: Colour, grain: Size) -> None:
    paint_sky(canvas, 0.62)
    light = canvas.mood.light
    for nearness in (0.0, 0.5, 1.0):
        body = canvas.far(canvas.lit(colour), 0.6 * (1 - nearness))
        texture = brush.on_ground(noise(canvas.chance, (512, 512), grain, 3), (canvas.width, canvas.height // 2), 3.5)
        stops = (mix(body, light.glow, 0.4), body, mix(body, light.shade, 0.4))
        crest = canvas.skyline(0.6 + 0.24 * nearness, 0.12, 3, 1)
        canvas.ground(crest, stops, relief(texture, 2 * canvas.sunny_side, 2, 0.15 + 0.3 * nearness))


def paint_sea(canvas: Canvas) -> None:
    paint_sky(canvas, 0.56)
    for distance in (0.75, 0.5):
        slope = canvas.chance.choice((-0.16, 0.16)) * canvas.height / canvas.width
        coast = [(x, y + slope * x) for x, y in canvas.skyline(0.57, 0.2 * (1.2 - distance), 4, 5)]
        canvas.ground(coast, [canvas.far(canvas.lit((70, 92, 100)), distance)] * 2)
    _paint_water(canvas, 0.56)


def _paint_water(canvas: Canvas, horizon: float) -> None:
    """Fill what is below the horizon with water that mirrors what is above."""
    top = canvas.water = round(canvas.height * horizon)
    size = (canvas.width, canvas.height - top)
    mirror = canvas.image.crop((0, max(0, top - size[1]), canvas.width, top))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(size)
    mirror = mirror.filter(ImageFilter.BoxBlur((2 * canvas.unit, 9 * canvas.unit)))
    deep = Image.new("RGB", size, mix(canvas.lit((14, 72, 104)), canvas.mood.light.shade, 0.2))
    waves = brush.on_ground(noise(canvas.chance, (640, 640), (20, 64)), size, 7.0)
    swell = relief(waves, 1, max(2, round(3 * canvas.unit)), 0.75)
    water = ImageChops.overlay(Image.composite(deep, mirror, fade(size, 40, 110, 190, 235)), grey(swell))
    canvas.image.paste(ImageChops.screen(water, _glitter(canvas, waves)), (0, top))


def _glitter(canvas: Canvas, waves: Image.Image) -> Image.Image:
    """Return the sun's reflection: sparks within a column that widens towards us."""
    width, height = waves.size
    column = Image.new("L", (width // 4 + 1, height // 4 + 1))
    road = [(canvas.sun[0] + width * x, height * y) for x, y in ((-0.05, 0), (0.05, 0), (0.16, 1), (-0.16, 1))]
    ImageDraw.Draw(column).polygon([(x / 4, y / 4) for x, y in road], fill=255)
    column = column.filter(ImageFilter.GaussianBlur(9 * canvas.unit)).resize(waves.size)
    sparks = relief(waves, 0, -max(1, round(3 * canvas.unit)), 3.0).point(curve(150, 230))
    return brush.tinted(ImageChops.multiply(sparks, column), canvas.mood.light.glow)


def paint_city(canvas: Canvas) -> None:
    paint_sky(canvas, 0.72)
    for nearness in (0.0, 0.4, 0.75, 1.0):
        x = -20.0 * canvas.unit
        while x < canvas.width:
            x += _paint_tower(canvas, x, nearness) * canvas.chance.uniform(0.85, 1.35)
    glow(canvas.image, (canvas.width / 2, canvas.height * 0.8), canvas.width * 0.6, canvas.mood.light.haze, 0.4)
    _paint_water(canvas, 0.8)


def _paint_tower(canvas: Canvas, x: float, nearness: float) -> float:
    """Paint a tower and its windows, and return its width."""
    light, chance, step = canvas.mood.light, canvas.chance, canvas.unit * (8 + 4 * nearness)
    columns, rows = chance.randint(3, 8), chance.randint(6, round(50 - 32 * nearness))
    top, floor = canvas.height * 0.8 - rows * step, canvas.height * 0.8
    wall = canvas.far(mix(canvas.lit((86, 98, 124)), light.shade, 0.5 * nearness), 0.7 * (1 - nearness))
    pen, lamp = ImageDraw.Draw(canvas.image), chance.choice(((255, 206, 120), (255, 190, 96), (190, 224, 255)))
    pen.rectangle((x, top, x + columns * step, floor), fill=mix(wall, light.glow, chance.uniform(0, 0.06)))
    for window in range(columns * rows):
        if chance.random() < 0.1 + 0.45 * light.darkness:
            left, high = x + (window % columns + 0.3) * step, top + (window // columns + 0.3) * step
            pane = (left, high, left + step * 0.35, high + step * 0.45)
            pen.rectangle(pane, fill=mix(lamp, wall, chance.uniform(0, 0.6)))
    return columns * step
