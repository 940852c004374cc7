"""The sheet that a scene is painted on."""

import math
import random
from dataclasses import dataclass

from PIL import Image

from local.emulator.pictures.brush import Colour, Point, Size, mix
from local.emulator.pictures.mood import Mood


@dataclass
class Canvas:
    image: Image.Image
    mood: Mood
    chance: random.Random
    sun: Point = (0.0, 0.0)
    water: float | None = None

    @property
    def size(self) -> Size:
        return self.image.size

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

    def lit(self, colour: Colour) -> Colour:
        """Return a thing's colour as it looks in this light."""
        return mix(colour, self.mood.light.shade, self.mood.light.darkness)

    def far(self, colour: Colour, distance: float) -> Colour:
        """Return a colour seen through the air between."""
        return mix(colour, self.mood.light.haze, distance)
