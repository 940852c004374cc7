"""The sheet that a scene is painted on."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops

from local.emulator.pictures.brush import Colour, Point, gradient, grey, mix, noise, shape
from local.emulator.pictures.mood import Mood


@dataclass
class Canvas:
    image: Image.Image
    mood: Mood
    chance: random.Random
    sun: Point = (0.0, 0.0)
    water: int | None = None

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    @property
    def unit(self) -> float:
        """A thousandth of the picture's own scale, for what must look the same at any size."""
        return math.sqrt(self.width * self.height) / 1000

    @property
    def sunny_side(self) -> int:
        """Return 1 if the sun is on the right, -1 if it is on the left."""
        return 1 if self.sun[0] > self.width / 2 else -1

    def lit(self, colour: Colour) -> Colour:
        """Return a thing's colour as it looks in this light."""
        return mix(colour, self.mood.light.shade, self.mood.light.darkness)

    def far(self, colour: Colour, distance: float) -> Colour:
        """Return a colour seen through the air between."""
        return mix(colour, self.mood.light.haze, distance)

    def place(self, x: tuple[float, float], y: tuple[float, float]) -> Point:
        """Choose a point; the ranges are shares of the width and the height."""
        return self.width * self.chance.uniform(*x), self.height * self.chance.uniform(*y)

    def skyline(self, base: float, amplitude: float, peaks: int, octaves: int) -> list[Point]:
        """Return a line of hills, or of mountains if it has many octaves; the shares are of the height."""
        heights = noise(self.chance, (257, 1), (peaks, 1), octaves).tobytes()
        step = (self.width + 8) / 256
        return [(i * step - 4, self.height * (base - amplitude * rise / 255)) for i, rise in enumerate(heights)]

    def ground(self, line: Sequence[Point], stops: Sequence[Colour], light: Image.Image | None = None) -> None:
        """Fill what is below a skyline with a gradient, which a relief may light."""
        top = max(0, round(min(y for _, y in line)))
        size = (self.width, max(2, self.height - top))
        body = gradient(size, stops)
        if light:
            body = ImageChops.overlay(body, grey(light.resize(size)))
        outline = [(-4, size[1] + 2), *((x, y - top) for x, y in line), (self.width + 4, size[1] + 2)]
        self.image.paste(body, (0, top), shape(size, outline))
