"""What is going on with a generation that was begun: drawn every second, while the rest of the page can be used."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from studio import asking, browser, pictures
from studio.client import Client, Progress
from studio.configuration import is_preview
from studio.errors import Cancelled, ImagesError, InProgress, MayPass, NotCancellable, TookTooLong
from studio.money import counted, rise
from studio.results import Generation, Image, Job
from studio.show import advice, draw_picture, duration, state_of, waiting_tiles
from studio.visit import Intent, Visit, Waiting, visit

REDRAW_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 2.0
PATIENCE_SECONDS = 25.0
"""How long the API may be silent before the page says that it is away."""


def draw(now: Visit) -> None:
    """Within a run of the whole page; from then on by itself."""
    now.whole_page = True
    try:
        _tick()
    finally:
        now.whole_page = False


@st.fragment(run_every=REDRAW_SECONDS)
def _tick() -> None:
    """First what is known, then a look: so nothing on the page is ever older than its turn."""
    now = visit()
    intent, waiting = now.pending, now.waiting
    if intent is None or waiting is None:
        st.rerun()
    _draw(intent, waiting)
    before = _seen(waiting)
    if time.monotonic() >= waiting.next_look:
        _look(now, intent, waiting)
    if now.pending is not intent:
        st.rerun()
    if _seen(waiting) != before:
        st.rerun(scope="app" if now.whole_page else "fragment")


def _seen(waiting: Waiting) -> tuple[object, ...]:
    return waiting.progress.state, waiting.progress.waiting, len(waiting.made), waiting.silent_since is None


def _draw(intent: Intent, waiting: Waiting) -> None:
    request = intent.request or {"number_of_images": 1, "width": 1, "height": 1}
    words = _words(waiting)
    st.header(
        f"Making {counted(request['number_of_images'])}" if intent.request else "Images on their way", anchor=False
    )
    # Entered as a context it would say at the end that all is done.
    status = st.status(f"{words} · {_duration(intent, waiting)}", state="running", expanded=True)
    status.markdown(advice(waiting.progress) or "Usually a matter of seconds.")
    if waiting.is_stopping:
        status.markdown("Stopping. An image that is being made right now is still finished and shown.")
    elif waiting.progress.state == "queued":
        status.button("Stop", icon=":material/stop_circle:", key="stop", on_click=_stop, args=(waiting,))
    places = waiting_tiles(request["number_of_images"], request["width"], request["height"])
    for place, image in waiting.made.items():
        if place < len(places):
            draw_picture(places[place], image, pictures.large(image.id, image.bytes))
    # Last, so that what comes and goes moves nothing.
    browser.say(f"{intent.key} {words} {len(waiting.made)}", f"{words}. {advice(waiting.progress)}")
    browser.focus(intent.key, ".st-key-outcome h2")
    if intent.job_id:
        browser.rename(intent.job_id)


def _words(waiting: Waiting) -> str:
    if waiting.silent_since is None:
        return state_of(waiting.progress)
    return f"{state_of(replace(waiting.progress, waiting=None))}; the API is slow to answer"


def _duration(intent: Intent, waiting: Waiting) -> str:
    """By the API's clock once it has told the time."""
    return duration(waiting.progress.seconds if intent.job_id else time.monotonic() - intent.begun_at)


def _look(now: Visit, intent: Intent, waiting: Waiting) -> None:
    try:
        outcome = asyncio.run(_step(now, intent, waiting))
    except Cancelled:
        asking.forget_usage()
        now.stopped("Stopped. Nothing was made and nothing was charged.")
    except ImagesError as error:
        waiting.next_look = time.monotonic() + (error.retry_after or LOOK_AGAIN_SECONDS)
        if not _is_borne(waiting, error):
            _fail(now, intent, error)
    else:
        waiting.silent_since, waiting.next_look = None, time.monotonic() + LOOK_AGAIN_SECONDS
        if outcome:
            _finish(now, intent, outcome)


def _cost_matters(intent: Intent) -> bool:
    return intent.job_id is None and intent.before is None and not is_preview()


async def _step(now: Visit, intent: Intent, waiting: Waiting) -> Generation[Image] | None:
    """One look; only an intent without a job is sent, as often as it takes, by the same key."""

    def heard(progress: Progress) -> None:
        waiting.progress = progress

    async with Client(hurried=True, on_progress=heard, made=waiting.made) as client:
        if _cost_matters(intent):
            intent.before = await asking.usage_or_none(client)
        job = await _asked(client, intent, waiting)
        now.accepted(intent, job.id)
        return await client.finished(job) if job.is_over else None


async def _asked(client: Client, intent: Intent, waiting: Waiting) -> Job:
    if intent.job_id is None:
        return await client.submit(intent.request or {}, intent.key)
    if waiting.is_stopping:
        with suppress(NotCancellable):
            await client.cancel(intent.job_id)
    return await client.job(intent.job_id)


def _is_borne(waiting: Waiting, error: ImagesError) -> bool:
    """An API that is busy or away is asked again for a while."""
    if error.job_is_over or not isinstance(error, MayPass) or isinstance(error, TookTooLong):
        return False
    if (error.retry_after or 0) > PATIENCE_SECONDS and not isinstance(error, InProgress):
        return False
    waiting.silent_since = waiting.silent_since or time.monotonic()
    return time.monotonic() - waiting.silent_since < PATIENCE_SECONDS


def _finish(now: Visit, intent: Intent, generation: Generation[Image]) -> None:
    for image in generation.images:
        pictures.keep(image.id, image.bytes)
    asking.forget_usage()
    now.finish(intent, generation)


def _fail(now: Visit, intent: Intent, error: ImagesError) -> None:
    asking.forget_usage()
    charged = rise(intent.before, asking.fresh_usage()) if error.job_is_over and not is_preview() else None
    now.fail(intent, error, charged)


def _stop(waiting: Waiting) -> None:
    """Each look asks for it, until the job is over: the API may be slow, or the model may be at work just now."""
    waiting.is_stopping, waiting.next_look = True, 0.0
