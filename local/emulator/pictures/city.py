"""A city by the water."""

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures.brush import (
    Colour,
    glow,
    mix,
)
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.sky import paint_sky
from local.emulator.pictures.water import paint_water


def paint_city(canvas: Canvas) -> None:
    paint_sky(canvas, 0.72)
    lights = Image.new("RGB", canvas.size)
    for nearness in (0.0, 0.4, 0.75, 1.0):
        _paint_blocks(canvas, lights, nearness)
    _shine(canvas, lights)
    paint_water(canvas, round(canvas.height * 0.8))


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
