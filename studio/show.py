"""`show_generated_images`: the prompt becomes images on a Streamlit page, and the page moves while they are made.

Two asyncio tasks run side by side, in the script's own thread: the generation, and the status that turns a spinner
and tells the time and the job's state. Usable in any Streamlit app:

    from studio.show import show_generated_images

    show_generated_images("A beautiful sunset over the ocean", number_of_images=4)
"""

from __future__ import annotations

import asyncio
import html
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from studio.client import Client, Progress, Quality
from studio.results import Generation, Image, Missing

REDRAW_SECONDS = 0.25
SILENCE_SECONDS = 6.0
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
STATES: Mapping[str, str] = {
    "looking": "Looking for the job",
    "sending": "Sending the prompt",
    "queued": "Queued",
    "running": "Making the images",
    "downloading": "Fetching the images",
    "waiting": "The API is busy or away; asking again",
}

STYLE = """
<style>
.studio-status { font-variant-numeric: tabular-nums; font-size: 1.05rem; padding: .2rem 0 .6rem }
.studio-status b { color: light-dark(#0f766e, #14b8a6); font-weight: 500; display: inline-block; width: 1.3em }
.studio-status i { font-style: normal; opacity: .6 }
.studio-grid { display: grid; gap: 1rem; grid-template-columns: 1fr 1fr }
.studio-grid.one { grid-template-columns: 1fr; max-width: 760px; margin: 0 auto }
@media (max-width: 640px) { .studio-grid { grid-template-columns: 1fr } }
.studio-tile { border-radius: 10px; background: rgba(127, 127, 127, .13); position: relative;
    overflow: hidden }
.studio-tile.waiting::after { content: ""; position: absolute; inset: 0; transform: translateX(-100%);
    animation: studio-sheen 1.8s ease-in-out infinite;
    background: linear-gradient(90deg, transparent, rgba(127, 127, 127, .16), transparent) }
.studio-tile.missing { border: 1px dashed rgba(127, 127, 127, .55); background: none; display: flex;
    flex-direction: column; gap: .5rem; align-items: center; justify-content: center; text-align: center;
    padding: 1.5rem; box-sizing: border-box }
.studio-tile.missing span { opacity: .75; font-size: .92rem; max-width: 28rem }
@keyframes studio-sheen { to { transform: translateX(100%) } }
@media (prefers-reduced-motion: reduce) { .studio-tile.waiting::after { animation: none } }
</style>
"""


@dataclass
class Status:
    """What the status task draws: the newest progress, since when, and whether the API has gone silent."""

    slot: Any
    since: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)
    state: str = "looking"

    def heard(self, progress: Progress) -> None:
        self.state, self.heard_at = progress.state, time.monotonic()
        self.since = min(self.since, self.heard_at - progress.seconds)

    def draw(self, frame: str) -> None:
        spinner = f'<b aria-hidden="true">{frame}</b>'
        passed = _duration(time.monotonic() - self.since)
        self.slot.html(f'<div class="studio-status">{spinner}{html.escape(self._words())} <i>· {passed}</i></div>')

    def _words(self) -> str:
        words = STATES.get(self.state, self.state)
        is_silent = self.state != "waiting" and time.monotonic() - self.heard_at > SILENCE_SECONDS
        return f"{words}; the API is slow to answer" if is_silent else words


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{seconds:.1f} s"


def show_generated_images(  # noqa: PLR0913, PLR0917 - the documented parameters, in the documented order
    prompt: str,
    width: int = 1024,
    height: int = 1024,
    number_of_images: int = 1,
    cfg_scale: float = 8,
    seed: int | None = 42,
    quality: Quality = "standard",
    *,
    negative_text: str | None = None,
    model: str | None = None,
    idempotency_key: str | None = None,
    job_id: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Generation:
    """Generates the images and shows them with their captions; raises the client's errors.

    With `job_id` it joins a job that was begun before, and sends nothing.
    """
    request = {
        "text": prompt,
        "width": width,
        "height": height,
        "number_of_images": number_of_images,
        "cfg_scale": cfg_scale,
        "seed": seed,
        "quality": quality,
        "negative_text": negative_text,
        "model": model,
    }
    intent = idempotency_key or str(uuid.uuid4())

    async def generate(client: Client) -> Generation:
        job = await client.job(job_id) if job_id else await client.submit(request, intent)
        return await client.finished(job)

    generation = wait_for(
        generate, tiles=(number_of_images, width, height), base_url=base_url, api_key=api_key, on_progress=on_progress
    )
    show(generation)
    return generation


def wait_for(
    generate: Callable[[Client], Awaitable[Generation]],
    *,
    tiles: tuple[int, int, int] = (1, 1, 1),
    base_url: str | None = None,
    api_key: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Generation:
    """Runs the generation beside a moving status, over as many empty tiles as there will be images."""
    place = st.empty()
    with place.container():
        st.html(STYLE)
        status = Status(st.empty())
        st.html(_waiting_tiles(*tiles))
    try:
        return asyncio.run(_side_by_side(generate, status, base_url, api_key, on_progress))
    finally:
        place.empty()


async def _side_by_side(
    generate: Callable[[Client], Awaitable[Generation]],
    status: Status,
    base_url: str | None,
    api_key: str | None,
    on_progress: Callable[[Progress], None] | None,
) -> Generation:
    over = asyncio.Event()

    def heard(progress: Progress) -> None:
        status.heard(progress)
        if on_progress:
            on_progress(progress)

    async def generation() -> Generation:
        try:
            async with Client(base_url, api_key, on_progress=heard) as client:
                return await generate(client)
        finally:
            over.set()

    made, _ = await asyncio.gather(generation(), _keep_moving(status, over))
    return made


async def _keep_moving(status: Status, over: asyncio.Event) -> None:
    for frame in itertools.cycle(SPINNER):
        status.draw(frame)
        try:
            await asyncio.wait_for(over.wait(), REDRAW_SECONDS)
        except TimeoutError:
            continue
        return


def show(generation: Generation, below: Callable[[Image], None] | None = None) -> None:
    """The images, large and captioned; what is missing keeps its place. `below` adds to each image what is wanted."""
    st.html(STYLE)
    for places in _pairs(generation.places):
        columns = st.columns(len(places)) if len(generation.places) > 1 else [st.container()]
        for place, column in zip(places, columns, strict=True):
            with column:
                _show_place(place, below, _ratio(generation))


def _pairs(places: tuple[Image | Missing, ...]) -> list[tuple[Image | Missing, ...]]:
    return [places[start : start + 2] for start in range(0, len(places), 2)]


def _ratio(generation: Generation) -> str:
    return next((f"{image.width} / {image.height}" for image in generation.images), "1 / 1")


def _show_place(place: Image | Missing, below: Callable[[Image], None] | None, ratio: str) -> None:
    if isinstance(place, Missing):
        st.html(_missing_tile(place, ratio))
        return
    st.image(place.bytes, caption=caption(place), width="stretch", alt=place.caption)
    if below:
        below(place)


def caption(image: Image) -> str:
    size = f"{image.width}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{image.height}"  # noqa: RUF001 - "by", of sizes
    return f"{image.caption} · seed {image.seed} · {short_name(image.model)} · {size}"


def short_name(model_id: str) -> str:
    """`stability.stable-image-core-v1:1` reads better as `stable-image-core-v1`."""
    return model_id.partition(".")[2].partition(":")[0] or model_id


def _missing_tile(missing: Missing, ratio: str) -> str:
    said = {"blocked": "was blocked", "deleted": "was deleted"}.get(missing.status, "could not be made")
    return (
        f'<div class="studio-tile missing" style="aspect-ratio: {ratio}"><strong>{html.escape(missing.caption)} {said}'
        f"</strong><span>{html.escape(missing.reason)}</span></div>"
    )


def _waiting_tiles(number: int, width: int, height: int) -> str:
    tile = f'<div class="studio-tile waiting" style="aspect-ratio: {width} / {height}"></div>'
    one = " one" if number == 1 else ""
    return f'<div class="studio-grid{one}" aria-hidden="true">{tile * number}</div>'
