"""Scenes without a horizon: space, and sheets of cut paper."""

import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures.brush import Colour, curve, glow, gradient, grey, mix, moved, noise, relief, shape, tinted
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.sky import paint_stars

NEBULAE: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((210, 60, 150), (70, 90, 230), (255, 190, 120)),
    ((40, 170, 190), (120, 60, 210), (255, 150, 190)),
    ((230, 110, 50), (160, 40, 110), (120, 190, 255)),
)
PAPERS: tuple[tuple[Colour, ...], ...] = (
    ((16, 42, 67), (28, 94, 124), (54, 152, 158), (146, 204, 170), (248, 228, 176), (246, 170, 108), (222, 92, 86)),
    ((45, 20, 60), (100, 34, 96), (176, 52, 104), (232, 96, 92), (250, 158, 96), (252, 212, 134), (255, 242, 214)),
    ((24, 48, 40), (48, 92, 66), (104, 142, 84), (176, 188, 116), (236, 222, 170), (222, 166, 110), (178, 94, 66)),
    ((28, 30, 74), (58, 66, 142), (104, 112, 206), (158, 166, 240), (214, 206, 252), (250, 200, 220), (246, 140, 168)),
)


def paint_space(canvas: Canvas) -> None:
    canvas.image.paste(gradient(canvas.size, ((4, 4, 16), (12, 10, 34), (6, 8, 26))))
    for colour in canvas.chance.choice(NEBULAE):
        _paint_cloud(canvas, colour)
    paint_stars(canvas, canvas.height - 1, 420)
    for _ in range(canvas.chance.choice((1, 2))):
        _paint_planet(canvas)


def _paint_cloud(canvas: Canvas, colour: Colour) -> None:
    half = (max(2, canvas.width // 2), max(2, canvas.height // 2))
    shapes = noise(canvas.chance, half, (3, 3), 6).point(curve(110, 250))
    wisps = noise(canvas.chance, half, (6, 6), 5).point(curve(30, 240))
    mask = ImageChops.multiply(shapes, wisps).resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.image.paste(ImageChops.screen(canvas.image, tinted(mask, colour)))


def _paint_planet(canvas: Canvas) -> None:
    chance = canvas.chance
    radius = canvas.unit * chance.uniform(60, 220)
    x, y = canvas.width * chance.uniform(0.15, 0.85), canvas.height * chance.uniform(0.15, 0.8)
    side = max(4, round(radius * 2))
    colour: Colour = chance.choice(((214, 150, 96), (110, 160, 210), (196, 110, 140), (150, 190, 160)))
    glow(canvas.image, (x, y), radius * 1.7, colour, 0.35)
    disc = shape((side, side), lambda pen, k: pen.ellipse((0, 0, side * k, side * k), fill=255))
    canvas.image.paste(_globe(canvas, side, colour), (round(x - radius), round(y - radius)), disc)
    if chance.random() < 0.5:  # noqa: PLR2004 - every second planet has rings
        _paint_rings(canvas, (x, y), radius, colour)


def _globe(canvas: Canvas, side: int, colour: Colour) -> Image.Image:
    bands = noise(canvas.chance, (side, side), (2, 9), 4)
    face = Image.composite(
        Image.new("RGB", (side, side), mix(colour, (255, 255, 255), 0.35)),
        Image.new("RGB", (side, side), mix(colour, (30, 20, 50), 0.35)),
        bands,
    )
    lit = Image.radial_gradient("L").resize((side * 2, side * 2), Image.Resampling.BICUBIC)
    corner = (round(side * 0.68), round(side * 0.72))
    lit = lit.crop((*corner, corner[0] + side, corner[1] + side)).point(lambda v: max(8, 255 - round(v * 1.75)))
    return ImageChops.multiply(face, grey(lit))


def _paint_rings(canvas: Canvas, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    """Draw the near half of a few rings; the far half is behind the planet."""
    (x, y), pale = centre, mix(colour, (255, 244, 224), 0.6)

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        for ring in range(7):
            wide = radius * (1.35 + 0.09 * ring)
            box = [v * k for v in (x - wide, y - wide * 0.22, x + wide, y + wide * 0.22)]
            pen.arc(box, -14, 194, fill=90 + 40 * (ring % 3), width=max(1, round(radius * 0.05 * k)))

    canvas.image.paste(pale, (0, 0), shape(canvas.size, draw))


def paint_paper(canvas: Canvas) -> None:
    """Stack sheets of cut paper, each with the shadow that it throws on the one below."""
    papers = canvas.chance.choice(PAPERS)
    if canvas.chance.random() < 0.5:  # noqa: PLR2004 - dark to light or light to dark
        papers = papers[::-1]
    half = (max(2, canvas.width // 2), max(2, canvas.height // 2))
    heights = noise(canvas.chance, half, (3, 3), 2).filter(ImageFilter.GaussianBlur(4 * canvas.unit))
    heights = heights.resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.image.paste(papers[0], (0, 0, *canvas.size))
    for level, paper in enumerate(papers[1:], start=1):
        _lay_sheet(canvas, heights, 255 * level / len(papers), paper)
    fibre = noise(canvas.chance, half, (canvas.width // 8 + 1, canvas.height // 8 + 1), 2).resize(canvas.size)
    canvas.image.paste(ImageChops.overlay(canvas.image, grey(relief(fibre, 1, 1, 0.33))))


def _lay_sheet(canvas: Canvas, heights: Image.Image, cut: float, paper: Colour) -> None:
    sheet = heights.point(curve(math.floor(cut) - 1, math.floor(cut) + 1))
    throw = round(9 * canvas.unit)
    shadow = sheet.reduce(4).filter(ImageFilter.GaussianBlur(3.2 * canvas.unit)).resize(canvas.size)
    shadow = moved(shadow, throw // 2, throw).point(lambda v: v * 130 // 255)
    canvas.image.paste(mix(paper, (10, 6, 24), 0.85), (0, 0), shadow)
    body = gradient(canvas.size, (mix(paper, (255, 255, 255), 0.1), mix(paper, (0, 0, 0), 0.12)))
    canvas.image.paste(body, (0, 0), sheet)
