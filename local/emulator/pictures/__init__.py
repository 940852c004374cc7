"""The emulator's pictures: the same subject, the same bytes; another subject, other bytes."""

import hashlib
import json
import random
from dataclasses import asdict, dataclass

from PIL import Image

from local.emulator.order import Order
from local.emulator.pictures import finish
from local.emulator.pictures.apart import paint_paper, paint_space
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.city import paint_city
from local.emulator.pictures.figures import paint_figures
from local.emulator.pictures.land import paint_desert, paint_meadow
from local.emulator.pictures.mood import read_mood
from local.emulator.pictures.mountains import paint_forest, paint_mountains
from local.emulator.pictures.water import paint_sea

SCENES = {
    "mountains": paint_mountains,
    "sea": paint_sea,
    "forest": paint_forest,
    "city": paint_city,
    "desert": paint_desert,
    "meadow": paint_meadow,
    "space": paint_space,
    "paper": paint_paper,
}
LEAST_SIDE = 320


@dataclass(frozen=True)
class Subject:
    model: str
    order: Order
    index: int


def draw(subject: Subject) -> bytes:
    """Return the encoded picture."""
    order = subject.order
    text = f"local preview, not made by {subject.model}"
    chance = random.Random(_digest(subject))  # noqa: S311 - no secret
    picture = _painted(order, chance)
    finish.label(picture, text)
    return finish.encode(picture, order.output_format, text)


def _painted(order: Order, chance: random.Random) -> Image.Image:
    mood = read_mood(order.prompt)
    canvas = Canvas(Image.new("RGB", _sheet(order), mood.light.haze), mood, chance)
    SCENES[mood.place](canvas)
    paint_figures(canvas)
    picture = finish.tint(canvas.image, mood.tint) if mood.tint else canvas.image
    picture = finish.grain(finish.vignette(picture), chance)
    return picture.resize((order.width, order.height)) if picture.size != (order.width, order.height) else picture


def _sheet(order: Order) -> tuple[int, int]:
    """Paint what is too small for a scene on a larger sheet."""
    return max(order.width, LEAST_SIDE), max(order.height, LEAST_SIDE)


def _digest(subject: Subject) -> bytes:
    return hashlib.sha256(json.dumps(asdict(subject), sort_keys=True).encode()).digest()
