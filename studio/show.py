"""`show_generated_images` generates images on a Streamlit page and shows the progress.

Two asyncio tasks run in the script's thread, under a spinner that shows the elapsed time: the generation, and its view,
which shows each image as soon as it is made. It works in any Streamlit app:

    from studio.show import show_generated_images

    show_generated_images("A beautiful sunset over the ocean", number_of_images=4)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

import streamlit as st

from text_to_image.client import generate_images_async
from text_to_image.following import OnProgress, Progress
from text_to_image.results import Generation, Image, Missing, Picture
from text_to_image.words import duration, reason, state_of

P = ParamSpec("P")

REDRAW_SECONDS = 0.25
SILENCE_SECONDS = 6.0
WAITING_TILE = 360
"""The usual width of a tile in pixels: a skeleton takes a height only."""

PAGE_MAY_CLOSE = "You may close this page: the images will be under “Your images”."


def advice(progress: Progress) -> str:
    """Return why the job waits, for how long, what it has cost, and whether the page may be closed."""
    if progress.state != "queued":
        return _made(progress)
    why = [reason(progress), _retry(progress), _made(progress) or "Nothing is charged yet.", PAGE_MAY_CLOSE]
    return " ".join(filter(None, why))


def _retry(progress: Progress) -> str:
    if progress.waiting is None or progress.waiting.retry_at is None:
        return ""
    seconds = (progress.waiting.retry_at - datetime.now(UTC)).total_seconds()
    return f"Tried again in {duration(seconds)}." if seconds >= 1 else "Tried again any moment."


def _made(progress: Progress) -> str:
    made = len(progress.made)
    return f"{made} {'is' if made == 1 else 'are'} there already." if made else ""


@dataclass
class View:
    """The state in words, and a tile for each image, which is drawn once, when it is made."""

    tiles: tuple[int, int, int]
    report: OnProgress | None = None
    progress: Progress = field(default_factory=lambda: Progress("sending", None, 0.0))
    updated_at: float = field(default_factory=time.monotonic)
    text: str = ""
    drawn: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.words = st.empty()
        self.places = waiting_tiles(*self.tiles)

    def update(self, progress: Progress) -> None:
        self.progress, self.updated_at = progress, time.monotonic()
        if self.report:
            self.report(progress)

    def draw(self) -> None:
        text = f"{self._state()}. {advice(self.progress)}"
        if text != self.text:
            self.words.markdown(text)
            self.text = text
        for place in self.progress.made.keys() - self.drawn:
            draw_image(self.places[place], self.progress.made[place])
            self.drawn.add(place)

    def _state(self) -> str:
        is_silent = self.progress.state != "waiting" and time.monotonic() - self.updated_at > SILENCE_SECONDS
        return f"{state_of(self.progress)}; the API is slow to answer" if is_silent else state_of(self.progress)


def _shown(generate: Callable[P, Awaitable[Generation[Image]]]) -> Callable[P, Generation[Image]]:
    @wraps(generate, assigned=())
    def show_generated_images(*arguments: P.args, **options: P.kwargs) -> Generation[Image]:
        """Generate images and show them with their captions; the parameters and errors are the client's."""
        given = signature(generate).bind(*arguments, **options)
        given.apply_defaults()
        asked = given.arguments
        place = st.empty()
        with place.container(), st.spinner("Generating", show_time=True):
            view = View((asked["number_of_images"], asked["width"], asked["height"]), report=asked["on_progress"])
            asked["on_progress"] = view.update
            generation = asyncio.run(_side_by_side(generate(*given.args, **given.kwargs), view))
        place.empty()
        show(generation)
        return generation

    return show_generated_images


show_generated_images = _shown(generate_images_async)


async def _side_by_side(generating: Awaitable[Generation[Image]], view: View) -> Generation[Image]:
    over = asyncio.Event()

    async def generation() -> Generation[Image]:
        try:
            return await generating
        finally:
            over.set()

    made, _ = await asyncio.gather(generation(), _keep_drawing(view, over))
    return made


async def _keep_drawing(view: View, over: asyncio.Event) -> None:
    while True:
        view.draw()
        try:
            await asyncio.wait_for(over.wait(), REDRAW_SECONDS)
        except TimeoutError:
            continue
        return


def show(generation: Generation[Image]) -> None:
    """Show the images with their captions; a missing one keeps its tile."""
    for place, tile in zip(generation.places, grid(len(generation.places)), strict=True):
        if isinstance(place, Missing):
            draw_missing(tile, place)
        else:
            draw_image(tile, place)


def grid(number: int) -> list[Any]:
    """Return this number of tiles, two in a row."""
    if number == 1:
        return [st.container(key="one")]
    rows = [st.columns(2) for _ in range(0, number, 2)]
    return [column for row in rows for column in row][:number]


def waiting_tiles(number: int, width: int, height: int) -> list[Any]:
    places = []
    for tile in grid(number):
        with tile:
            places.append(st.empty())
            places[-1].skeleton(height=round(WAITING_TILE * height / width))
    return places


def draw_image(tile: Any, image: Image) -> None:  # noqa: ANN401 - Streamlit's containers
    draw_picture(tile, image, image.bytes)


def draw_picture(tile: Any, picture: Picture, shown: bytes | str) -> None:  # noqa: ANN401 - as above
    """Draw the image, a file or a data URL, at most at its own size."""
    tile.image(shown, caption=caption(picture), width="content", alt=picture.caption)


def draw_missing(tile: Any, missing: Missing) -> None:  # noqa: ANN401 - as above
    said = {"blocked": "was blocked", "deleted": "was deleted"}.get(missing.status, "could not be made")
    tile.warning(missing.reason, title=f"{missing.caption} {said}", icon=":material/image_not_supported:")


def caption(picture: Picture) -> str:
    return " · ".join(filter(None, (picture.caption, f"seed {picture.seed}", model_and_size(picture))))


def model_and_size(picture: Picture) -> str:
    """Return the two facts with spaces and hyphens at which no line breaks."""
    name = short_name(picture.model).replace("-", "\N{NON-BREAKING HYPHEN}")
    size = f"{picture.width}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{picture.height}"  # noqa: RUF001 - "by", of sizes
    return " · ".join(filter(None, (name, size)))


def short_name(model_id: str) -> str:
    """Shorten `stability.stable-image-core-v1:1` to `stable-image-core-v1`."""
    return model_id.partition(".")[2].partition(":")[0] or model_id
