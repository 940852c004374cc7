"""Draws deterministic pictures: equal subjects give equal bytes, different subjects different ones."""

import hashlib
import json
import random
from dataclasses import asdict, dataclass

from PIL import Image

from local.emulator.pictures import finish, land
from local.emulator.pictures.canvas import Canvas
from local.emulator.pictures.figures import paint_figures
from local.emulator.pictures.mood import read_mood
from local.emulator.request import ImageRequest

SCENES = {
    "mountains": land.paint_mountains,
    "forest": land.paint_forest,
    "desert": land.paint_desert,
    "meadow": land.paint_meadow,
    "sea": land.paint_sea,
    "city": land.paint_city,
}
# Smaller pictures are painted at this size and reduced.
LEAST_SIDE = 320


@dataclass(frozen=True)
class Subject:
    model: str
    request: ImageRequest
    index: int


def draw(subject: Subject) -> bytes:
    """Return the encoded picture."""
    text = f"local preview, not made by {subject.model}"
    picture = _painted(subject.request, random.Random(_digest(subject)))  # noqa: S311 - no secret
    finish.label(picture, text)
    return finish.encode(picture, subject.request.output_format, text)


def _painted(request: ImageRequest, chance: random.Random) -> Image.Image:
    mood = read_mood(request.prompt)
    sheet = (max(request.width, LEAST_SIDE), max(request.height, LEAST_SIDE))
    canvas = Canvas(Image.new("RGB", sheet, mood.light.haze), mood, chance)
    SCENES[mood.place](canvas)
    paint_figures(canvas)
    picture = finish.tint(canvas.image, mood.tint) if mood.tint else canvas.image
    return finish.grain(finish.vignette(picture), chance).resize((request.width, request.height))


def _digest(subject: Subject) -> bytes:
    return hashlib.sha256(json.dumps(asdict(subject), sort_keys=True).encode()).digest()
