"""Sizes in pixels, and which native size of a model to request."""

import math
from collections.abc import Callable, Iterable, Iterator
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
    """A size that a model can make. `aspect_ratio` is its name if the model takes ratios."""

    aspect_ratio: str | None = None


@dataclass(frozen=True)
class Grid:
    """Every size with sides of `shortest` to `longest` in steps of `step`, at most `most_pixels`, and at most
    `steepest` times as long as wide or as wide as long."""

    step: int
    shortest: int
    longest: int
    most_pixels: int
    steepest: int

    def __iter__(self) -> Iterator[NativeSize]:
        sides = range(self.shortest, self.longest + 1, self.step)
        yield from filter(self._allows, (NativeSize(width, height) for width in sides for height in sides))

    def near(self, wanted: Size) -> NativeSize:
        """The smallest that covers the wanted size; where none does, the largest of about its ratio."""
        covering = NativeSize(self._up(wanted.width), self._up(wanted.height))
        if self._allows(covering):
            return covering
        scale = min(
            self.longest / wanted.width, self.longest / wanted.height, math.sqrt(self.most_pixels / wanted.pixels)
        )
        return NativeSize(self._down(wanted.width * scale), self._down(wanted.height * scale))

    def _allows(self, size: Size) -> bool:
        short, long = sorted((size.width, size.height))
        return long <= min(self.longest, self.steepest * short) and size.pixels <= self.most_pixels

    def _up(self, side: int) -> int:
        return max(self.shortest, math.ceil(side / self.step) * self.step)

    def _down(self, side: float) -> int:
        return max(self.shortest, math.floor(side / self.step) * self.step)


def nearest(wanted: Size, native: Iterable[NativeSize], price: Callable[[Size], int]) -> NativeSize:
    """The native size to ask for: of those that cover both sides the nearest ratio, then the cheapest, then the
    fewest pixels; where none covers, the one that leaves the largest image of the wanted ratio."""
    sizes = [native.near(wanted)] if isinstance(native, Grid) else list(native)
    covering = [size for size in sizes if size.covers(wanted)]
    if covering:
        return min(covering, key=lambda size: (_distance(size, wanted), price(size), size.pixels))
    return min(sizes, key=lambda size: (-_scale(wanted, size), price(size), size.pixels))


def scaled_into(native: Size, wanted: Size) -> Size:
    """The wanted size, or the largest of its ratio that an image of size `native` covers."""
    scale = _scale(wanted, native)
    return Size(max(1, round(wanted.width * scale)), max(1, round(wanted.height * scale))) if scale < 1 else wanted


def _scale(wanted: Size, native: Size) -> float:
    return round(min(1, native.width / wanted.width, native.height / wanted.height), 9)


def _distance(one: Size, other: Size) -> float:
    return round(abs(math.log(one.ratio / other.ratio)), 9)
