"""Sizes in pixels, and which of a model's own sizes to ask for."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def ratio(self) -> float:
        return self.width / self.height

    def covers(self, other: "Size") -> bool:
        return self.width >= other.width and self.height >= other.height


@dataclass(frozen=True)
class NativeSize(Size):
    """A size that a model makes by itself; `aspect_ratio` is its name where the model is asked by ratio."""

    aspect_ratio: str | None = None


def nearest(wanted: Size, native: Iterable[NativeSize], price: Callable[[Size], int]) -> NativeSize:
    """The native size to ask for: of those that cover both sides the nearest ratio, then the cheapest, then the
    fewest pixels; where none covers, the nearest ratio."""
    sizes = list(native)
    covering = [size for size in sizes if size.covers(wanted)]
    return min(covering or sizes, key=lambda size: (_distance(size, wanted), price(size), size.pixels))


def _distance(one: Size, other: Size) -> float:
    return round(abs(math.log(one.ratio / other.ratio)), 9)
