"""The page: a prompt, what may be set, and below it whatever is going on."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import streamlit as st

from studio import options
from studio.client import Client, Progress, Quality
from studio.errors import (
    Cancelled,
    ContentBlocked,
    ImagesError,
    NotCancellable,
    NotConfigured,
    Unauthorized,
    YouMustChange,
)
from studio.results import Generation, Image, Model
from studio.show import caption, short_name, show, show_generated_images
from studio.visit import Intent, Request, Shown, Visit, again, images_again, visit

CATALOG_SECONDS = 60
TROUBLE_SECONDS = 10
EXAMPLES = {
    "Creative projects": "A lighthouse on a rocky coast at night, a storm coming in, warm light, oil painting",
    "Prototyping": "A skyline of a small harbour town with wooden houses, morning light, poster for a travel app",
    "Educational tools": "A mountain river from its source to the sea, clear textbook illustration",
}
STYLE = """
<style>
[data-testid="stMainBlockContainer"] { max-width: 1080px; padding: 2.2rem 1.2rem 5rem }
[data-testid="stHeader"] { background: transparent }
.studio-counter { text-align: right; font-size: .85rem; opacity: .6; font-variant-numeric: tabular-nums;
    margin-top: -.6rem }
.studio-counter.over { color: #d1383d; opacity: 1; font-weight: 600 }
[data-testid="stImage"] img { border-radius: 10px }
[data-testid="stImageCaption"] { text-align: left; font-size: .88rem }
.st-key-one { max-width: 760px; margin: 0 auto }
[data-testid="InputInstructions"] { display: none }
.studio-facts { opacity: .7; font-size: .92rem }
.studio-what { font-weight: 600 }
[data-testid="stBaseButton-primaryFormSubmit"]:enabled:not(:hover) { color: light-dark(#ffffff, #06201c) }
.st-key-working { position: relative }
.st-key-working .studio-status { padding-right: 6rem }
.st-key-stop { position: absolute; top: -.4rem; right: 0; width: auto; z-index: 1 }
@media (max-width: 640px) {
    [data-testid="stMainBlockContainer"] { padding-top: 1.2rem }
    .studio-keys { display: none }
    .st-key-options { row-gap: .4rem }
}
</style>
"""
# Streamlit tells the server of a text when it is sent; who is writing wants to know before.
COUNTER = """
<div class="studio-counter{over}">{count} of {limit}</div>
<script>
if (!window.studioCounts) {{
  window.studioCounts = true;
  document.addEventListener('input', (event) => {{
    const counter = document.querySelector('.studio-counter');
    if (!counter || event.target.getAttribute('aria-label') !== 'Prompt') return;
    const number = [...event.target.value].length;
    counter.textContent = number + ' of {limit}';
    counter.classList.toggle('over', number > {limit});
  }});
}}
</script>
"""


def main() -> None:
    st.set_page_config(page_title="Image studio", page_icon="🖼️", layout="wide")
    st.html(STYLE)
    options.set_defaults()
    now = visit()
    if now.fill_in:
        options.fill(now.fill_in)
        now.fill_in = None
    st.markdown("### Image studio")
    # Both empties always take their place: what comes and goes must not move the widgets, or they begin anew.
    with st.empty():
        models, trouble = _catalog(now)
    _ask(now, models)
    notice = st.empty()
    if now.notice:
        notice.warning(now.notice, icon=":material/edit_note:")
    options.draw(models)
    st.space("small")
    _below(now, trouble)
    _history(now)


def _ask(now: Visit, models: Sequence[Model]) -> None:
    with st.form("ask", border=False):
        st.text_area(
            "Prompt",
            key="prompt",
            height=92,
            placeholder="What should the image show?",
            label_visibility="collapsed",
        )
        _counter()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button(
                "Generate", type="primary", icon=":material/auto_awesome:", on_click=_submit, disabled=bool(now.pending)
            )
            price = options.price(models, options.request()) or "price unknown"
            st.html(f'<div class="studio-facts">{price}<span class="studio-keys"> · Ctrl + Enter</span></div>')


def _counter() -> None:
    count = len(st.session_state.prompt)
    over = " over" if count > options.LONGEST_PROMPT else ""
    st.html(COUNTER.format(over=over, count=count, limit=options.LONGEST_PROMPT), unsafe_allow_javascript=True)


def _submit() -> None:
    asked = options.request()
    now = visit()
    complaint = options.complaint(asked)
    if complaint:
        now.notice, now.failed = complaint, None
    else:
        now.begin(asked)


def _below(now: Visit, trouble: ImagesError | None) -> None:
    # Two places: what was there before would stay beside what moves in, until the images are made.
    working, outcome = st.empty(), st.empty()
    if now.pending:
        with working.container(key="working"):
            _generate(now, now.pending)
    with outcome.container():
        _outcome(now, trouble)


def _outcome(now: Visit, trouble: ImagesError | None) -> None:
    if now.failed:
        _show_error(now.failed[1], _way_on(now, *now.failed))
    elif now.shown:
        _show_result(now.shown)
    elif trouble:
        _show_error(trouble, WayOn("Try again", _forget_catalog))
    else:
        _examples()


def _generate(now: Visit, intent: Intent) -> None:
    stop = st.empty()
    buttons: list[str] = []

    def heard(progress: Progress) -> None:
        if progress.job_id:
            now.accepted(intent, progress.job_id)
        if progress.state == "queued" and not buttons:
            buttons.append("stop")
            stop.button("Stop", icon=":material/stop_circle:", key="stop", on_click=_stop, args=(intent,))
        elif progress.state != "queued" and buttons:
            stop.empty()

    try:
        generation = _ask_for(intent, heard)
    except Cancelled as cancelled:
        now.stopped(f"{cancelled.detail} {cancelled.remedy}")
    except ImagesError as error:
        now.fail(intent, error)
    else:
        now.finish(intent, generation)
    st.rerun()


def _ask_for(intent: Intent, heard: Callable[[Progress], None]) -> Generation:
    """A job that is known is looked at; only an intent without one is sent."""
    asked = dict(intent.request or {"text": ""})
    return show_generated_images(
        asked.pop("text"), **asked, idempotency_key=intent.key, job_id=intent.job_id, on_progress=heard
    )


def _stop(intent: Intent) -> None:
    async def cancel() -> None:
        async with Client(hurried=True) as client:
            await client.cancel(str(intent.job_id))

    try:
        asyncio.run(cancel())
    except NotCancellable:
        st.toast("It has begun already; the images will be here soon.")
    except ImagesError as error:
        st.toast(error.detail)
    else:
        visit().stopped("Stopped. Nothing was made and nothing was paid.")


class WayOn(NamedTuple):
    """What a button beside an error can do about it."""

    label: str
    take: Callable[[], None]


def _way_on(now: Visit, intent: Intent, error: ImagesError) -> WayOn | None:
    """None where only another prompt or other settings help: those are above, with a button of their own."""
    if isinstance(error, ContentBlocked) and intent.request:
        return WayOn("Try another seed", partial(_generate_anew, {**intent.request, "seed": None}))
    mended_elsewhere = isinstance(error, NotConfigured | Unauthorized)
    if isinstance(error, YouMustChange) and not mended_elsewhere:
        return None
    return None if error.job_is_over and not intent.request else WayOn("Try again", now.retry)


def _show_error(error: ImagesError, way_on: WayOn | None) -> None:
    what, advice = _in_two(error)
    with st.container(border=True, key="error"):
        st.html(f'<div class="studio-what" role="alert">{html.escape(what)}</div>')
        st.markdown(_plain(advice))
        if error.request_id:
            st.html(f'<div class="studio-facts">Request id {html.escape(error.request_id)}</div>')
        if way_on:
            st.button(way_on.label, icon=":material/refresh:", key="retry", on_click=way_on.take)


def _in_two(error: ImagesError) -> tuple[str, str]:
    """What happened, and what to do: the API's own advice where it gives some, which knows more than ours."""
    what, _, advice = error.detail.partition(". ")
    return what.rstrip("."), advice or error.remedy


def _show_result(shown: Shown) -> None:
    generation = shown.generation
    made, asked = len(generation.images), len(generation.places)
    number = options.counted(made) if made == asked else f"{made} of {asked} images"
    cost = "nothing paid, made before" if generation.replayed else options.dollars(generation.cost_usd)
    st.html(f'<div class="studio-facts">{number} · {html.escape(short_name(generation.model))} · {cost}</div>')
    with st.container(key="one" if asked == 1 else "many"):
        show(generation, partial(_actions, shown))
    for warning in generation.warnings:
        st.caption(f":material/info: {_plain(warning.detail)}")


def _actions(shown: Shown, image: Image) -> None:
    unknown = shown.request is None
    why = "This page no longer knows the prompt" if unknown else None
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Download",
            image.bytes,
            file_name=_file_name(shown, image),
            mime="image/png",
            icon=":material/download:",
            key=f"download-{image.id}",
            on_click="ignore",
        )
        st.button(
            "Again with this seed",
            icon=":material/replay:",
            key=f"again-{image.id}",
            help=why
            or f"{options.counted(images_again(shown, image))} with seed {image.seed}, for the prompt as it was",
            disabled=unknown,
            on_click=_once_more,
            args=(shown, image, image.seed),
        )
        st.button(
            "Another like it",
            icon=":material/shuffle:",
            key=f"another-{image.id}",
            help=why or f"{options.counted(1)} with a random seed, for the prompt as it was",
            disabled=unknown,
            on_click=_once_more,
            args=(shown, image, None),
        )


def _once_more(shown: Shown, image: Image, seed: int | None) -> None:
    _generate_anew(again(shown, image, seed=seed))


def _generate_anew(asked: Request) -> None:
    options.fill(asked)
    visit().begin(asked)


def _file_name(shown: Shown, image: Image) -> str:
    words = re.findall(r"\w+", (shown.request or {}).get("text", ""))[:6]
    return f"{'-'.join([*words, str(image.seed)]).lower()[:80]}-{image.id[:8]}.png"


def _examples() -> None:
    st.caption("Or begin with one of these")
    for column, (use, prompt) in zip(st.columns(3), EXAMPLES.items(), strict=True):
        with column, st.container(border=True, height="stretch", vertical_alignment="distribute"):
            st.markdown(f"**{use}**\n\n{prompt}")
            st.button("Use this", key=f"example-{use}", on_click=_use, args=(prompt,))


def _use(prompt: str) -> None:
    st.session_state.prompt = prompt
    visit().notice = None


def _history(now: Visit) -> None:
    current = now.shown and now.shown.generation.id
    earlier = [shown for shown in now.history if shown.generation.id != current and shown.generation.images]
    if not earlier:
        return
    st.divider()
    st.markdown("##### Earlier in this visit")
    with st.container(horizontal=True, gap="medium", key="history"):
        for shown in earlier:
            with st.container(width=150):
                first = shown.generation.images[0]
                st.image(first.bytes, width="stretch", alt=caption(first))
                st.button(
                    _title(shown),
                    key=f"show-{shown.generation.id}",
                    type="tertiary",
                    on_click=now.show,
                    args=(shown,),
                    disabled=bool(now.pending),
                )


def _title(shown: Shown, longest: int = 32) -> str:
    text = (shown.request or {}).get("text") or "Images of before"
    return _plain(text if len(text) <= longest else f"{text[: longest - 1]}…")


def _catalog(now: Visit) -> tuple[Sequence[Model], ImagesError | None]:
    """The models with their prices, or why they are not known; asked for once a minute, and not in mid-generation."""
    state = st.session_state
    wanted = (*options.size(), state.quality)
    kept = state.get("catalog")
    if kept and (now.pending or (kept[0] == wanted and time.monotonic() < kept[1])):
        return kept[2], kept[3]
    with st.spinner("Asking the API for its models and prices"):
        models, trouble = _asked_catalog(*wanted)
    state.catalog = (wanted, time.monotonic() + (TROUBLE_SECONDS if trouble else CATALOG_SECONDS), models, trouble)
    return models, trouble


def _asked_catalog(width: int, height: int, quality: Quality) -> tuple[Sequence[Model], ImagesError | None]:
    async def ask() -> list[Model]:
        async with Client(hurried=True) as client:
            return await client.models(width, height, quality)

    try:
        return asyncio.run(ask()), None
    except ImagesError as error:
        return [], error


def _forget_catalog() -> None:
    st.session_state.pop("catalog", None)


def _plain(text: str) -> str:
    """What others wrote is shown as it is, not as Markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$:<>-])", r"\\\1", text)
