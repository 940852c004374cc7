"""Land and water: one painter per place, from the horizon forward."""

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures.brush import (
    Colour,
    Point,
    curve,
    fade,
    glow,
    gradient,
    grey,
    height_at,
    jagged,
    mix,
    moved,
    noise,
    on_ground,
    relief,
    rolling,
    shape,
    silhouette,
    tinted,
)
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.sky import paint_sky

SNOW: Colour = (236, 242, 250)
LEAF: Colour = (46, 92, 62)
AUTUMN: Colour = (172, 84, 36)


def paint_mountains(canvas: Canvas) -> None:
    paint_sky(canvas, 0.72)
    for nearness, base, amplitude in ((0.0, 0.6, 0.3), (0.33, 0.66, 0.2), (0.66, 0.72, 0.13), (1.0, 0.77, 0.08)):
        skyline = jagged(canvas.chance, canvas.width, canvas.height * base, canvas.height * amplitude)
        _paint_rock(canvas, skyline, nearness)
    if "lake" in canvas.mood.things or canvas.chance.random() < 0.4:  # noqa: PLR2004 - some valleys hold a lake
        _paint_tree_line(canvas, canvas.height * 0.75, 0.02)
        _paint_water(canvas, round(canvas.height * 0.765))
    else:
        _paint_tree_line(canvas, canvas.height * 0.86, 0.5)
        _paint_tree_line(canvas, canvas.height * 0.98, 0.9)


def _paint_rock(canvas: Canvas, skyline: Sequence[Point], nearness: float) -> None:
    stone = (196, 208, 224) if "snow" in canvas.mood.things else (98, 112, 140)
    rock = canvas.lit(mix(stone, _leaf(canvas), nearness))
    mask = silhouette(canvas.size, skyline)
    body = _misty(canvas, canvas.far(rock, 0.62 - 0.58 * nearness), skyline, 0.85 - 0.5 * nearness)
    slopes = noise(canvas.chance, (canvas.width // 2, canvas.height // 2), (10, 14), 5)
    side = 1 if canvas.sun[0] > canvas.width / 2 else -1
    light = relief(slopes, 3 * side, 2, 0.5 + 0.7 * nearness).resize(canvas.size, Image.Resampling.BILINEAR)
    body = ImageChops.overlay(body, grey(light))
    if nearness < 0.6:  # noqa: PLR2004 - the far, high ones
        _paint_snow_caps(canvas, body, mask, slopes, nearness)
    canvas.image.paste(body, (0, 0), mask)


def _paint_snow_caps(
    canvas: Canvas, body: Image.Image, mask: Image.Image, slopes: Image.Image, nearness: float
) -> None:
    depth = round(canvas.height * 0.09)
    below = moved(mask, 0, depth).filter(ImageFilter.BoxBlur(depth / 2))
    caps = ImageChops.subtract(mask, below)
    ragged = slopes.resize(canvas.size, Image.Resampling.BILINEAR).point(curve(60, 170))
    snow = canvas.far(canvas.lit(SNOW), 0.25 + 0.2 * (1 - nearness))
    body.paste(snow, (0, 0), ImageChops.multiply(caps, ragged).point(curve(40, 150, 210)))


def _misty(canvas: Canvas, colour: Colour, skyline: Sequence[Point], mist: float) -> Image.Image:
    """Return a sheet of the colour that dissolves in the haze below the skyline."""
    top = max(0, round(min(y for _, y in skyline)))
    sheet = Image.new("RGB", canvas.size, colour)
    depth = max(2, round(canvas.height * 0.34))
    sheet.paste(gradient((canvas.width, depth), (colour, canvas.far(colour, mist))), (0, top))
    sheet.paste(canvas.far(colour, mist), (0, top + depth, canvas.width, canvas.height))
    return sheet


def _leaf(canvas: Canvas) -> Colour:
    if "snow" in canvas.mood.things:
        return mix(SNOW, LEAF, 0.25)
    return AUTUMN if "autumn" in canvas.mood.things else LEAF


def paint_forest(canvas: Canvas) -> None:
    paint_sky(canvas, 0.7)
    skyline = jagged(canvas.chance, canvas.width, canvas.height * 0.58, canvas.height * 0.2)
    _paint_rock(canvas, skyline, 0.3)
    for layer, nearness in enumerate((0.15, 0.4, 0.7, 1.0)):
        _paint_tree_line(canvas, canvas.height * (0.6 + 0.13 * layer), nearness)
        if nearness < 1:
            _paint_mist(canvas, canvas.height * (0.62 + 0.13 * layer))
    _paint_rays(canvas)


def _paint_tree_line(canvas: Canvas, base: float, nearness: float) -> None:
    """Paint a row of conifers, larger and darker the nearer it stands."""
    ground = rolling(canvas.chance, canvas.width, base, canvas.height * 0.02)
    tall = canvas.height * (0.07 + 0.24 * nearness)
    trees = [(x, height_at(ground, x), tall * canvas.chance.uniform(0.5, 1.1)) for x in _spread(canvas, tall)]
    jitter = [[canvas.chance.uniform(0.75, 1.15) for _ in range(9)] for _ in trees]

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        for (x, y, height), widths in zip(trees, jitter, strict=True):
            pen.polygon([(px * k, py * k) for px, py in _conifer(x, y, height, widths)], fill=255)
        line = [(x * k, y * k) for x, y in ground]
        pen.polygon([(line[0][0], canvas.height * k), *line, (line[-1][0], canvas.height * k)], fill=255)

    colour = mix(canvas.lit(_leaf(canvas)), canvas.mood.light.shade, 0.2 + 0.3 * nearness)
    colour = canvas.far(colour, 0.5 * (1 - nearness))
    top = [(0.0, base - tall)]
    canvas.image.paste(_misty(canvas, colour, top, 0.6 * (1 - nearness)), (0, 0), shape(canvas.size, draw))


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


def paint_sea(canvas: Canvas) -> None:
    horizon = round(canvas.height * 0.56)
    paint_sky(canvas, 0.56)
    if canvas.chance.random() < 0.7 or "lighthouse" in canvas.mood.things:  # noqa: PLR2004 - most shores are seen
        _paint_coast(canvas, horizon)
    _paint_water(canvas, horizon)


def _paint_coast(canvas: Canvas, horizon: int) -> None:
    for distance in (0.75, 0.5):
        skyline = jagged(canvas.chance, canvas.width, horizon, canvas.height * 0.15 * (1.3 - distance))
        slope = canvas.chance.choice((-1, 1)) * canvas.height * 0.16
        line = [(x, y + slope * (x / canvas.width - 0.3)) for x, y in skyline]
        mask = silhouette((canvas.width, horizon), [(x, min(y, horizon + 4)) for x, y in line])
        canvas.image.paste(canvas.far(canvas.lit((70, 92, 100)), distance), (0, 0), mask)


def _paint_water(canvas: Canvas, horizon: int) -> None:
    canvas.water = horizon
    size = (canvas.width, canvas.height - horizon)
    mirror = canvas.image.crop((0, max(0, horizon - size[1]), canvas.width, horizon))
    mirror = (
        mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        .resize(size)
        .filter(ImageFilter.BoxBlur((2 * canvas.unit, 9 * canvas.unit)))
    )
    deep = mix(canvas.lit((14, 72, 104)), canvas.mood.light.shade, 0.2)
    depth = Image.composite(Image.new("RGB", size, deep), mirror, fade(size, (40, 110, 190, 235)))
    waves = on_ground(noise(canvas.chance, (640, 640), (20, 64), 4), size, 7.0)
    swell = relief(waves, 1, max(2, round(3 * canvas.unit)), 0.75)
    water = ImageChops.overlay(depth, grey(swell))
    canvas.image.paste(ImageChops.screen(water, _glitter(canvas, waves)), (0, horizon))


def _glitter(canvas: Canvas, waves: Image.Image) -> Image.Image:
    """Return the sun's road on the water: sparks within a column that widens towards us."""
    width, height = waves.size
    x = canvas.sun[0]
    column = Image.new("L", (width // 4 + 1, height // 4 + 1))
    near, far = width * 0.16, width * 0.045
    road = [(x - far, 0), (x + far, 0), (x + near, height), (x - near, height)]
    ImageDraw.Draw(column).polygon([(px / 4, py / 4) for px, py in road], fill=255)
    column = column.filter(ImageFilter.GaussianBlur(9 * canvas.unit)).resize(waves.size)
    sparks = relief(waves, 0, -max(1, round(3 * canvas.unit)), 3.0).point(curve(150, 230))
    return tinted(ImageChops.multiply(sparks, column), canvas.mood.light.glow)


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
    dark = canvas.far(canvas.lit(mix(_leaf(canvas), (24, 52, 26), 0.4)), 0.45 * (1 - nearness))
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


def paint_city(canvas: Canvas) -> None:
    paint_sky(canvas, 0.72)
    lights = Image.new("RGB", canvas.size)
    for nearness in (0.0, 0.4, 0.75, 1.0):
        _paint_blocks(canvas, lights, nearness)
    _shine(canvas, lights)
    _paint_water(canvas, round(canvas.height * 0.8))


def _paint_blocks(canvas: Canvas, lights: Image.Image, nearness: float) -> None:
    colour = canvas.far(mix(canvas.lit((86, 98, 124)), canvas.mood.light.shade, 0.5 * nearness), 0.7 * (1 - nearness))
    pen, light_pen = ImageDraw.Draw(canvas.image), ImageDraw.Draw(lights)
    x, floor = -20.0 * canvas.unit, canvas.height * 0.8
    while x < canvas.width:
        width = canvas.unit * canvas.chance.uniform(34, 90) * (0.7 + 0.5 * nearness)
        rise = canvas.chance.random() ** 1.6
        top = floor - canvas.height * (0.1 + (0.42 - 0.18 * nearness) * rise)
        box = (x, top, x + width, floor)
        pen.rectangle(box, fill=mix(colour, canvas.mood.light.glow, canvas.chance.uniform(0, 0.06)))
        light_pen.rectangle(box, fill=0)
        _paint_roof(canvas, pen, box, colour)
        _paint_windows(canvas, light_pen, box, nearness)
        x += width * canvas.chance.uniform(0.85, 1.35)


def _paint_roof(
    canvas: Canvas, pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], colour: Colour
) -> None:
    left, top, right, _ = box
    middle, width = (left + right) / 2, right - left
    kind = canvas.chance.random()
    if kind < 0.2:  # noqa: PLR2004 - one in five has a mast
        pen.rectangle((middle - canvas.unit, top - width, middle + canvas.unit, top), fill=colour)
    elif kind < 0.45:  # noqa: PLR2004 - one in four is stepped
        pen.rectangle((left + width * 0.2, top - width * 0.25, right - width * 0.2, top), fill=colour)
    elif kind < 0.55:  # noqa: PLR2004 - one in ten is pointed
        pen.polygon(((left, top), (middle, top - width * 0.6), (right, top)), fill=colour)


def _paint_windows(
    canvas: Canvas, pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], nearness: float
) -> None:
    share = 0.1 + 0.45 * canvas.mood.light.darkness
    step, pane = canvas.unit * (8 + 4 * nearness), canvas.unit * (2.6 + 1.6 * nearness)
    left, top, right, bottom = box
    warm = canvas.chance.choice(((255, 206, 120), (255, 190, 96), (190, 224, 255)))
    for row in range(int((bottom - top) / step)):
        for column in range(int((right - left) / step)):
            if canvas.chance.random() < share:
                x, y = left + (column + 0.35) * step, top + (row + 0.5) * step
                colour = mix(warm, (0, 0, 0), canvas.chance.uniform(0, 0.5) + 0.25 * (1 - nearness))
                pen.rectangle((x, y, x + pane, y + pane * 1.3), fill=colour)


def _shine(canvas: Canvas, lights: Image.Image) -> None:
    """Add lit windows and the shimmer around them."""
    halo = lights.reduce(4).filter(ImageFilter.GaussianBlur(3 * canvas.unit)).resize(canvas.size)
    shining = ImageChops.screen(ImageChops.screen(canvas.image, lights), halo)
    canvas.image.paste(shining)
    glow(canvas.image, (canvas.width / 2, canvas.height * 0.8), canvas.width * 0.6, canvas.mood.light.haze, 0.4)
