"""Mountains and forests."""

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures.brush import (
    Colour,
    Point,
    Size,
    curve,
    fade,
    gradient,
    grey,
    height_at,
    jagged,
    mix,
    moved,
    noise,
    relief,
    ridged,
    rolling,
    shape,
    silhouette,
    tinted,
)
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.sky import paint_sky
from local.emulator.pictures.water import paint_water

SNOW: Colour = (236, 242, 250)
LEAF: Colour = (46, 92, 62)
AUTUMN: Colour = (172, 84, 36)


def paint_mountains(canvas: Canvas) -> None:
    paint_sky(canvas, 0.72)
    for nearness, base, amplitude in ((0.0, 0.6, 0.3), (0.33, 0.66, 0.2), (0.66, 0.72, 0.13), (1.0, 0.77, 0.08)):
        skyline = jagged(canvas.chance, canvas.width, canvas.height * base, canvas.height * amplitude)
        _paint_rock(canvas, skyline, nearness)
    if "lake" in canvas.mood.things or canvas.chance.random() < 0.4:  # noqa: PLR2004 - some valleys hold a lake
        paint_tree_line(canvas, canvas.height * 0.755, 0.0, air=0.3)
        paint_water(canvas, round(canvas.height * 0.765))
    else:
        paint_tree_line(canvas, canvas.height * 0.86, 0.5)
        paint_tree_line(canvas, canvas.height * 0.98, 0.9)


def _paint_rock(canvas: Canvas, skyline: Sequence[Point], nearness: float) -> None:
    stone = (146, 166, 198) if "snow" in canvas.mood.things else (98, 112, 140)
    rock = canvas.far(canvas.lit(mix(stone, leaf(canvas), nearness)), 0.62 - 0.58 * nearness)
    top, size = _strip(canvas, skyline)
    mask = silhouette(size, [(x, y - top) for x, y in skyline])
    slopes = ridged(noise(canvas.chance, (size[0] // 2, size[1] // 2), (9, max(3, 9 * size[1] // size[0])), 6))
    body = _misty(canvas, size, rock, 0.85 - 0.5 * nearness)
    if nearness < 0.6:  # noqa: PLR2004 - the far, high ones
        _paint_snow_caps(canvas, body, mask, slopes)
    side = 1 if canvas.sun[0] > canvas.width / 2 else -1
    light = relief(slopes, 2 * side, 1, 0.55 + 0.35 * nearness).resize(size, Image.Resampling.BILINEAR)
    canvas.image.paste(ImageChops.overlay(body, grey(light)), (0, top), mask)


def _strip(canvas: Canvas, skyline: Sequence[Point]) -> tuple[int, Size]:
    """Return where a ridge starts and how much of the sheet it can show; nearer ones hide the rest."""
    top = max(0, round(min(y for _, y in skyline)))
    bottom = min(canvas.height, round(max(y for _, y in skyline) + canvas.height * 0.16))
    return top, (canvas.width, max(8, bottom - top))


def _paint_snow_caps(canvas: Canvas, body: Image.Image, mask: Image.Image, slopes: Image.Image) -> None:
    depth = round(canvas.height * 0.09)
    below = moved(mask, 0, depth).filter(ImageFilter.BoxBlur(depth / 2))
    caps = ImageChops.subtract(mask, below)
    ragged = slopes.resize(mask.size, Image.Resampling.BILINEAR).point(curve(40, 190))
    snow = canvas.far(mix(canvas.lit(SNOW), SNOW, 0.5), 0.3)
    body.paste(snow, (0, 0), ImageChops.multiply(caps, ragged).point(curve(30, 130, 220)))


def _misty(canvas: Canvas, size: Size, colour: Colour, mist: float) -> Image.Image:
    """Return a sheet of the colour that dissolves in the haze towards its foot."""
    foot = canvas.far(colour, mist)
    sheet = Image.new("RGB", size, foot)
    sheet.paste(gradient((size[0], max(2, round(canvas.height * 0.34))), (colour, foot)))
    return sheet


def leaf(canvas: Canvas) -> Colour:
    if "snow" in canvas.mood.things:
        return mix(SNOW, LEAF, 0.25)
    return AUTUMN if "autumn" in canvas.mood.things else LEAF


def paint_forest(canvas: Canvas) -> None:
    paint_sky(canvas, 0.7)
    skyline = jagged(canvas.chance, canvas.width, canvas.height * 0.58, canvas.height * 0.2)
    _paint_rock(canvas, skyline, 0.3)
    for layer, nearness in enumerate((0.15, 0.4, 0.7, 1.0)):
        paint_tree_line(canvas, canvas.height * (0.6 + 0.13 * layer), nearness)
        if nearness < 1:
            _paint_mist(canvas, canvas.height * (0.62 + 0.13 * layer))
    _paint_rays(canvas)


def paint_tree_line(canvas: Canvas, base: float, nearness: float, air: float | None = None) -> None:
    """Paint a row of conifers, larger the nearer it stands and paler the more air is between."""
    air = 1 - nearness if air is None else air
    tall = canvas.height * (0.07 + 0.24 * nearness)
    top = max(0, round(base - tall * 1.2))
    size = (canvas.width, max(8, canvas.height - top))
    colour = mix(canvas.lit(leaf(canvas)), canvas.mood.light.shade, 0.55 - 0.3 * air)
    mask = _tree_line(canvas, size, base - top, tall)
    canvas.image.paste(_misty(canvas, size, canvas.far(colour, 0.42 * air), 0.45 * air), (0, top), mask)


def _tree_line(canvas: Canvas, size: Size, base: float, tall: float) -> Image.Image:
    ground = rolling(canvas.chance, canvas.width, base, canvas.height * 0.02)
    trees = [
        _conifer(x, height_at(ground, x), tall * canvas.chance.uniform(0.5, 1.1), _branches(canvas))
        for x in _spread(canvas, tall)
    ]

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        for tree in trees:
            pen.polygon([(x * k, y * k) for x, y in tree], fill=255)
        line = [(x * k, y * k) for x, y in ground]
        pen.polygon([(line[0][0], size[1] * k), *line, (line[-1][0], size[1] * k)], fill=255)

    return shape(size, draw)


def _branches(canvas: Canvas) -> list[float]:
    return [canvas.chance.uniform(0.75, 1.15) for _ in range(9)]


def _spread(canvas: Canvas, tall: float) -> list[float]:
    step = tall * 0.2
    count = math.ceil(canvas.width / step) + 2
    places = [(i - 1 + canvas.chance.uniform(-0.4, 0.4)) * step for i in range(count)]
    return [place for place in places if canvas.chance.random() < 0.85]  # noqa: PLR2004 - a gap here and there


def _conifer(x: float, y: float, height: float, widths: Sequence[float]) -> list[Point]:
    """Outline a conifer whose branches come in steps."""
    right, left = [], []
    for step, width in enumerate(widths):
        level = y - height * (1 - (step + 1) / len(widths))
        reach = height * 0.19 * (step + 1) / len(widths) * width
        right += [(x + reach, level), (x + reach * 0.45, level - height * 0.02)]
        left += [(x - reach, level), (x - reach * 0.45, level - height * 0.02)]
    return [(x, y - height), *right, (x, y + height * 0.1), *reversed(left)]


def _paint_mist(canvas: Canvas, level: float) -> None:
    height = max(2, round(canvas.height * 0.16))
    size = (canvas.width, height)
    drift = noise(canvas.chance, (256, 64), (5, 2), 4).resize(size, Image.Resampling.BICUBIC)
    mask = ImageChops.multiply(drift.point(curve(40, 220, 150)), fade(size, (0, 255, 0)))
    canvas.image.paste(canvas.mood.light.haze, (0, round(level - height / 2)), mask)


def _paint_rays(canvas: Canvas) -> None:
    rays = [(canvas.chance.uniform(0.1, 3.0), canvas.chance.uniform(0.02, 0.07)) for _ in range(9)]
    x, y = canvas.sun
    reach = canvas.height * 1.3
    small = (max(2, canvas.width // 4), max(2, canvas.height // 4))
    mask = Image.new("L", small)
    pen = ImageDraw.Draw(mask)
    for angle, width in rays:
        ends = [(x + reach * math.cos(angle + w), y + reach * math.sin(angle + w)) for w in (-width, width)]
        pen.polygon([(px / 4, py / 4) for px, py in ((x, y), *ends)], fill=70)
    soft = mask.filter(ImageFilter.GaussianBlur(5 * canvas.unit)).resize(canvas.size, Image.Resampling.BICUBIC)
    soft = ImageChops.multiply(soft, fade(canvas.size, (255, 200, 0)))
    canvas.image.paste(ImageChops.screen(canvas.image, tinted(soft, canvas.mood.light.glow)))
