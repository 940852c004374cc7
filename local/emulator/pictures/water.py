"""Water, and the sea."""

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from local.emulator.pictures.brush import curve, fade, grey, jagged, mix, noise, on_ground, relief, silhouette, tinted
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.sky import paint_sky


def paint_sea(canvas: Canvas) -> None:
    horizon = round(canvas.height * 0.56)
    paint_sky(canvas, 0.56)
    if canvas.chance.random() < 0.7 or "lighthouse" in canvas.mood.things:  # noqa: PLR2004 - most shores are seen
        _paint_coast(canvas, horizon)
    paint_water(canvas, horizon)


def _paint_coast(canvas: Canvas, horizon: int) -> None:
    for distance in (0.75, 0.5):
        skyline = jagged(canvas.chance, canvas.width, horizon, canvas.height * 0.15 * (1.3 - distance))
        slope = canvas.chance.choice((-1, 1)) * canvas.height * 0.16
        line = [(x, y + slope * (x / canvas.width - 0.3)) for x, y in skyline]
        mask = silhouette((canvas.width, horizon), [(x, min(y, horizon + 4)) for x, y in line])
        canvas.image.paste(canvas.far(canvas.lit((70, 92, 100)), distance), (0, 0), mask)


def paint_water(canvas: Canvas, horizon: int) -> None:
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
