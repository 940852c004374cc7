"""The running generation: polled and drawn every second, while the rest of the page stays usable."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from studio import api, browser, pictures
from studio.money import rise
from studio.show import advice, draw_picture, waiting_tiles
from studio.visit import Intent, Visit, Waiting, visit
from text_to_image.client import AsyncClient
from text_to_image.configuration import is_preview
from text_to_image.errors import Cancelled, ImagesError, InProgress, MayPass, NotCancellable, TookTooLong
from text_to_image.following import Following, Progress
from text_to_image.results import Generation, Image, Job
from text_to_image.words import counted, duration, state_of

REDRAW_SECONDS = 1.0
POLL_SECONDS = 2.0
SILENCE_SECONDS = 25.0
"""How long the API may not answer before the page reports an error."""


def draw(now: Visit) -> None:
    """Draw as part of the whole page; after that the fragment reruns by itself."""
    now.whole_page = True
    try:
        _tick()
    finally:
        now.whole_page = False


@st.fragment(run_every=REDRAW_SECONDS)
def _tick() -> None:
    """Draw the known state, poll, and draw again if it has changed."""
    now = visit()
    intent, waiting = now.pending, now.waiting
    if intent is None or waiting is None:
        st.rerun()
    _draw(intent, waiting)
    before = _snapshot(waiting)
    if time.monotonic() >= waiting.next_poll:
        _poll(now, intent, waiting)
    if now.pending is not intent:
        st.rerun()
    if _snapshot(waiting) != before:
        st.rerun(scope="app" if now.whole_page else "fragment")


def _snapshot(waiting: Waiting) -> tuple[object, ...]:
    return waiting.progress.state, waiting.progress.waiting, len(waiting.made), waiting.silent_since is None


def _draw(intent: Intent, waiting: Waiting) -> None:
    request = intent.request or {"number_of_images": 1, "width": 1, "height": 1}
    state = _state(waiting)
    st.header(
        f"Making {counted(request['number_of_images'])}" if intent.request else "Images on their way", anchor=False
    )
    # Used as a context manager it would end as complete.
    status = st.status(f"{state} · {duration(time.monotonic() - waiting.begun_at)}", state="running", expanded=True)
    status.markdown(advice(waiting.progress) or "Usually a matter of seconds.")
    if waiting.is_stopping:
        status.markdown("Stopping. An image that is being made right now is still finished and shown.")
    elif waiting.progress.state == "queued":
        status.button("Stop", icon=":material/stop_circle:", key="stop", on_click=_stop, args=(waiting,))
    places = waiting_tiles(request["number_of_images"], request["width"], request["height"])
    for place, image in waiting.made.items():
        if place < len(places):
            draw_picture(places[place], image, pictures.large(image.id, image.bytes))
    # Last, so that they do not move other elements.
    browser.say(f"{intent.key} {state} {len(waiting.made)}", f"{state}. {advice(waiting.progress)}")
    browser.focus(intent.key, ".st-key-outcome h2")
    browser.redrawn(str(time.monotonic()))
    if intent.job_id:
        browser.rename(intent.job_id)


def _state(waiting: Waiting) -> str:
    if waiting.silent_since is None:
        return state_of(waiting.progress)
    return f"{state_of(replace(waiting.progress, waiting=None))}; the API is slow to answer"


def _poll(now: Visit, intent: Intent, waiting: Waiting) -> None:
    """Poll, unless an earlier run of the page still does: Streamlit starts the next run while that one waits."""
    if not waiting.polling.acquire(blocking=False):
        return
    try:
        _poll_alone(now, intent, waiting)
    finally:
        waiting.polling.release()


def _poll_alone(now: Visit, intent: Intent, waiting: Waiting) -> None:
    """Poll, and turn the page to the outcome, if it still waits for it."""
    waiting.next_poll = time.monotonic() + POLL_SECONDS
    try:
        outcome = asyncio.run(_step(now, intent, waiting))
    except Cancelled:
        api.forget_usage()
        if now.waiting is waiting:
            now.stopped("Stopped. Nothing was made and nothing was charged.")
    except ImagesError as error:
        waiting.next_poll = time.monotonic() + (error.retry_after or POLL_SECONDS)
        if now.waiting is waiting and not _is_tolerated(waiting, error):
            _fail(now, intent, error)
    else:
        waiting.silent_since = None
        if outcome and now.waiting is waiting:
            _finish(now, intent, outcome)


def _cost_matters(intent: Intent) -> bool:
    return intent.job_id is None and intent.before is None and not is_preview()


async def _step(now: Visit, intent: Intent, waiting: Waiting) -> Generation[Image] | None:
    """Submit the intent with its idempotency key until it has a job; then poll the job."""

    def update(progress: Progress) -> None:
        waiting.progress = progress
        waiting.begun_at = min(waiting.begun_at, time.monotonic() - progress.seconds)

    async with AsyncClient(fail_fast=True) as client:
        if _cost_matters(intent):
            intent.before = api.fresh_usage()
        followed = client.follow(update, made=waiting.made)
        job = await _current_job(client, followed, intent, waiting)
        now.accepted(intent, job.id)
        return await followed.finished(job) if job.is_over else None


async def _current_job(client: AsyncClient, followed: Following, intent: Intent, waiting: Waiting) -> Job:
    if intent.job_id is None:
        return await followed.submit(intent.request or {}, intent.key)
    if waiting.is_stopping:
        with suppress(NotCancellable):
            await client.cancel(intent.job_id)
    return await followed.job(intent.job_id)


def _is_tolerated(waiting: Waiting, error: ImagesError) -> bool:
    """Whether to poll again: a busy or silent API is tolerated for a while."""
    if error.job_is_over or not isinstance(error, MayPass) or isinstance(error, TookTooLong):
        return False
    if (error.retry_after or 0) > SILENCE_SECONDS and not isinstance(error, InProgress):
        return False
    waiting.silent_since = waiting.silent_since or time.monotonic()
    return time.monotonic() - waiting.silent_since < SILENCE_SECONDS


def _finish(now: Visit, intent: Intent, generation: Generation[Image]) -> None:
    for image in generation.images:
        pictures.cache(image.id, image.bytes)
    api.forget_usage()
    now.finish(intent, generation)


def _fail(now: Visit, intent: Intent, error: ImagesError) -> None:
    api.forget_usage()
    charged = rise(intent.before, api.fresh_usage()) if error.job_is_over and not is_preview() else None
    now.fail(intent, error, charged)


def _stop(waiting: Waiting) -> None:
    """Each poll cancels the job until it is over: the API may be slow, or the model may be running."""
    waiting.is_stopping, waiting.next_poll = True, 0.0
