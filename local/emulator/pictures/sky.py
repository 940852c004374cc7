"""Skies: gradient, sun or moon, stars, clouds, northern lights."""

import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures.brush import (
    Colour,
    curve,
    fade,
    glow,
    gradient,
    grey,
    mix,
    noise,
    on_ground,
    relief,
    shape,
    tinted,
)
from local.emulator.pictures.canvas import Canvas

WHITE: Colour = (255, 255, 255)


def paint_sky(canvas: Canvas, horizon: float) -> None:
    """Paint the sky down to the horizon, a share of the height."""
    light = canvas.mood.light
    bottom = round(canvas.height * horizon)
    canvas.image.paste(gradient((canvas.width, bottom + 1), light.sky), (0, 0))
    if light.stars:
        paint_stars(canvas, round(bottom * 0.9), 260)
    if "aurora" in canvas.mood.things:
        _paint_aurora(canvas, bottom)
    _place_sun(canvas, bottom)
    _paint_clouds(canvas, bottom)


def paint_stars(canvas: Canvas, bottom: int, count: int) -> None:
    chance, pen = canvas.chance, ImageDraw.Draw(canvas.image)
    dark = canvas.mood.light.sky[1]
    for _ in range(count):
        x, y = chance.uniform(0, canvas.width), bottom * chance.random() ** 1.4
        brightness = chance.random() ** 3
        radius = (0.5 + brightness) * canvas.unit
        pen.ellipse(_around(x, y, radius), fill=mix(dark, WHITE, 0.3 + 0.7 * brightness))
        if brightness > 0.8:  # noqa: PLR2004 - the few bright ones
            glow(canvas.image, (x, y), radius * 9, (190, 214, 255), 0.6)


def _around(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius


def _place_sun(canvas: Canvas, bottom: int) -> None:
    light, chance = canvas.mood.light, canvas.chance
    low = 0.25 if light.darkness < 0.2 or light.stars else 0.8  # noqa: PLR2004 - at noon and at night it stands high
    canvas.sun = (canvas.width * chance.uniform(0.2, 0.8), bottom * chance.uniform(low, low + 0.14))
    glow(canvas.image, canvas.sun, 640 * canvas.unit, light.glow, 0.55)
    glow(canvas.image, canvas.sun, 220 * canvas.unit, light.glow, 0.75)
    if light.stars:
        _paint_moon(canvas)
    else:
        _paint_disc(canvas, 46 * canvas.unit, mix(light.glow, WHITE, 0.55))


def _paint_disc(canvas: Canvas, radius: float, colour: Colour) -> None:
    (x, y), side = canvas.sun, math.ceil(radius * 2)
    disc = shape((side, side), lambda pen, k: pen.ellipse((0, 0, radius * 2 * k, radius * 2 * k), fill=255))
    canvas.image.paste(colour, (round(x - radius), round(y - radius)), disc)


def _paint_moon(canvas: Canvas) -> None:
    radius = 58 * canvas.unit
    side = math.ceil(radius * 2)
    disc = shape((side, side), lambda pen, k: pen.ellipse((0, 0, radius * 2 * k, radius * 2 * k), fill=255))
    face = noise(canvas.chance, (side, side), (4, 4), 4).point(lambda v: 196 + v // 5)
    picture = tinted(face, (255, 250, 236))
    canvas.image.paste(picture, (round(canvas.sun[0] - radius), round(canvas.sun[1] - radius)), disc)


def _paint_clouds(canvas: Canvas, bottom: int) -> None:
    light, chance = canvas.mood.light, canvas.chance
    texture = noise(chance, (512, 384), (9, 8), 5)
    heights = on_ground(texture, (canvas.width, max(2, bottom)), 3.5).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    cover = chance.choice((150, 168, 186)) if light.haze != (164, 174, 180) else 96
    mask = heights.point(curve(cover - 30, cover + 70, 225))
    mask = ImageChops.multiply(mask, fade(mask.size, (140, 255, 255, 60)))
    side = 1 if canvas.sun[0] > canvas.width / 2 else -1
    lit = relief(heights, -7 * side, -9, 2.4).filter(ImageFilter.GaussianBlur(1.5 * canvas.unit + 0.3))
    dark = mix(light.haze, light.shade, 0.25 + 0.35 * light.darkness)
    bright = mix(light.glow, WHITE, 0.35 if light.darkness < 0.5 else 0.0)  # noqa: PLR2004 - by day clouds are white
    bright = mix(bright, light.haze, 0.6 if light.stars else 0.0)
    clouds = Image.composite(
        Image.new("RGB", mask.size, bright), Image.new("RGB", mask.size, dark), lit.point(curve(60, 190))
    )
    canvas.image.paste(clouds, (0, 0), mask)


def _paint_aurora(canvas: Canvas, bottom: int) -> None:
    size = (canvas.width, max(2, bottom))
    streaks = noise(canvas.chance, (256, 8), (48, 1), 3).resize(size, Image.Resampling.BICUBIC)
    patches = noise(canvas.chance, (64, 32), (4, 2), 3).resize(size, Image.Resampling.BICUBIC)
    veil = ImageChops.multiply(streaks.point(curve(40, 250)), patches.point(curve(60, 190)))
    veil = ImageChops.multiply(veil, fade(size, (30, 140, 255, 60, 0)))
    colours = gradient(size, ((170, 60, 220), (90, 140, 240), (60, 240, 160), (40, 220, 120)))
    canvas.image.paste(ImageChops.screen(canvas.image.crop((0, 0, *size)), ImageChops.multiply(colours, grey(veil))))
