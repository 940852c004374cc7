"""Skies, with sun or moon, stars and clouds."""

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures import brush
from local.emulator.pictures.brush import WHITE, Size, curve, fade, glow, gradient, mix, noise, tinted
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.mood import LIGHTS


def paint_sky(canvas: Canvas, horizon: float) -> None:
    """Paint the sky down to the horizon, a share of the height."""
    size = (canvas.width, round(canvas.height * horizon) + 1)
    canvas.image.paste(gradient(size, canvas.mood.light.sky))
    if canvas.mood.light.stars:
        _paint_stars(canvas, size[1])
    _paint_sun(canvas)
    _paint_clouds(canvas, size)


def _paint_stars(canvas: Canvas, bottom: int) -> None:
    chance, pen = canvas.chance, ImageDraw.Draw(canvas.image)
    for _ in range(260):
        star = (chance.uniform(0, canvas.width), bottom * chance.random() ** 1.4)
        brightness = chance.random() ** 3
        radius = (0.5 + brightness) * canvas.unit
        pen.circle(star, radius, fill=mix(canvas.mood.light.sky[1], WHITE, 0.3 + 0.7 * brightness))
        if brightness > 0.8:  # noqa: PLR2004 - the few bright ones
            glow(canvas.image, star, radius * 9, (190, 214, 255), 0.6)


def _paint_sun(canvas: Canvas) -> None:
    light = canvas.mood.light
    high = light.darkness < 0.2 or light.stars  # noqa: PLR2004 - at noon and at night
    canvas.sun = canvas.place((0.2, 0.8), (0.14, 0.24) if high else (0.46, 0.58))
    for radius, strength in ((520, 0.6), (200, 0.75)):
        glow(canvas.image, canvas.sun, radius * canvas.unit, light.glow, strength)
    side = round(104 * canvas.unit)
    face = noise(canvas.chance, (side, side), (4, 4)).point(lambda v: 196 + v // 5 if light.stars else 255)
    brush.disc(canvas.image, canvas.sun, tinted(face, mix(light.glow, WHITE, 0.55)))


def _paint_clouds(canvas: Canvas, size: Size) -> None:
    light = canvas.mood.light
    heights = brush.on_ground(noise(canvas.chance, (512, 384), (9, 8), 5), size, 3.5)
    heights = heights.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    clear = 70 if light is LIGHTS["storm"] else canvas.chance.choice((130, 150, 170))
    mask = ImageChops.multiply(heights.point(curve(clear - 30, clear + 70, 225)), fade(size, 140, 255, 255, 60))
    relief = brush.relief(heights, -7 * canvas.sunny_side, -9, 2.4)
    lit = relief.filter(ImageFilter.GaussianBlur(1.5 * canvas.unit + 0.3)).point(curve(60, 190))
    dark = mix(light.haze, light.shade, 0.25 + 0.35 * light.darkness)
    bright = mix(light.glow, light.haze, 0.6 if light.stars else 0.1)
    clouds = Image.composite(Image.new("RGB", size, bright), Image.new("RGB", size, dark), lit)
    canvas.image.paste(clouds, (0, 0), mask)
