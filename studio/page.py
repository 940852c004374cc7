"""The page: prompt and settings on the left, the current result and the gallery on the right."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from studio import api, browser, gallery, money, options, outcome, words, working
from studio.outcome import Action
from studio.visit import Visit, visit
from text_to_image.configuration import is_preview
from text_to_image.errors import ImagesError
from text_to_image.prices import dollars
from text_to_image.results import Model
from text_to_image.words import counted

EXAMPLES = {
    "Creative projects": "A lighthouse on a rocky coast at night, a storm coming in, warm light, oil painting",
    "Prototyping": "A skyline of a small harbour town with wooden houses, morning light, poster for a travel app",
    "Educational tools": "A mountain river from its source to the sea, clear textbook illustration",
}
SETTINGS_WIDTH = 380
# Streamlit's counter counts UTF-16 units and cuts long text silently; the API counts characters.
COUNTER = (
    '<div class="studio-under"><span class="studio-keys">Ctrl + Enter generates</span>'
    '<span class="studio-counter{over}" data-limit="{limit}">{count} of {limit}</span></div>'
)


def main() -> None:
    st.set_page_config(page_title="Image studio", page_icon="🖼️", layout="wide")
    browser.prepare()
    options.set_defaults()
    now = visit()
    now.follow(st.query_params.get("job"))
    if now.fill_in:
        options.fill(now.fill_in)
        now.fill_in = None
    models, error = api.catalog(options.priced())
    _header(now)
    with st.container(horizontal=True, gap="large", key="studio"):
        with st.container(width=SETTINGS_WIDTH, key="settings"):
            _ask(now, models)
            options.draw(models)
        with st.container(width="stretch", key="results"):
            _results(now, models, error)
    gallery.draw_lightbox(now)


def _header(now: Visit) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", key="header"):
        st.title("Image studio", anchor=False, width="content")
        st.markdown(_money(now), width="content")


def _money(now: Visit) -> str:
    if is_preview():
        return f":material/draw: {money.PREVIEW}"
    usage = api.usage()
    month = money.month(usage) if usage else "This month's total is not known"
    return f"{month} · this visit {dollars(now.spent)}".replace("$", r"\$")


def _ask(now: Visit, models: Sequence[Model]) -> None:
    st.text_area("Prompt", key="prompt", height=110, placeholder="What should the image show?")
    _counter()
    st.button(
        _generate_label(models),
        type="primary",
        icon=":material/auto_awesome:",
        key="generate",
        shortcut="Ctrl+Enter",
        width="stretch",
        on_click=_submit,
        disabled=bool(now.pending),
    )
    # `st.empty` keeps the place, so that a notice does not move the widgets, which would reset them.
    with st.empty():
        if now.notice:
            st.warning(now.notice, icon=":material/edit_note:")
    options.draw_styles()


def _generate_label(models: Sequence[Model]) -> str:
    asked = options.request()
    cost = money.price(models, asked) if options.priced() else None
    return money.labelled(f"Generate {counted(asked['number_of_images'])}", cost, preview=is_preview())


def _counter() -> None:
    count = len(st.session_state.prompt)
    over = " over" if count > options.LONGEST_PROMPT else ""
    st.html(COUNTER.format(over=over, count=count, limit=options.LONGEST_PROMPT))


def _submit() -> None:
    asked = options.request()
    now = visit()
    problem = options.problem(asked)
    if problem:
        now.notice, now.failed = problem, None
    else:
        now.begin(asked)


def _results(now: Visit, models: Sequence[Model], error: ImagesError | None) -> None:
    with st.container(key="outcome"):
        _outcome(now, models, error)
    with st.container(key="gallery"):
        if error is None:
            gallery.draw(now)


def _outcome(now: Visit, models: Sequence[Model], error: ImagesError | None) -> None:
    if now.pending:
        working.draw(now)
    elif now.failed:
        outcome.show_failure(now.failed, models)
    elif now.shown:
        outcome.show_result(now.shown, models)
    elif error:
        outcome.show_explanation(words.explain(error), Action("Try again", api.forget_error))
    else:
        _examples()


def _examples() -> None:
    st.header("Begin with one of these, or with your own words", anchor=False)
    for column, (use, prompt) in zip(st.columns(3), EXAMPLES.items(), strict=True):
        with column, st.container(border=True, height="stretch", vertical_alignment="distribute"):
            st.markdown(f"**{use}**\n\n{prompt}")
            st.button("Use this", key=f"example-{use}", on_click=_use, args=(prompt,))


def _use(prompt: str) -> None:
    st.session_state.prompt = prompt
    visit().notice = None
