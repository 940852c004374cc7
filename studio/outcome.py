"""The result: images with their actions, or an error with the next action."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import streamlit as st

from studio import api, browser, money, pictures, words
from studio.money import labelled
from studio.show import draw_missing, draw_picture, grid, short_name
from studio.visit import Failed, Request, Shown, images_again, visit
from text_to_image.configuration import is_preview
from text_to_image.errors import ContentBlocked, ImagesError, NotConfigured, NotFound, Unauthorized, YouMustChange
from text_to_image.prices import dollars
from text_to_image.results import Missing, Model, Picture
from text_to_image.words import counted

UNKNOWN = (
    "The prompt of these images is not known here: the studio was started anew since, or they were made elsewhere. "
    "They are safe; only what needs the prompt cannot be done."
)


class Action(NamedTuple):
    """A button beside an error."""

    label: str
    take: Callable[[], None]


def show_failure(failed: Failed, models: Sequence[Model]) -> None:
    explanation = words.explain(failed.error, job_is_known=failed.intent.job_id is not None)
    cost = money.after_failure(failed.charged, preview=is_preview()) if failed.error.job_is_over else None
    show_explanation(explanation, _action_for(failed, models), cost)
    browser.focus(failed.token, ".st-key-outcome h2")
    if failed.intent.job_id and not isinstance(failed.error, NotFound):
        browser.rename(failed.intent.job_id)


def show_explanation(explanation: words.Explanation, action: Action | None, cost: str | None = None) -> None:
    st.header(explanation.title, anchor=False)
    st.error(plain(" ".join(filter(None, (explanation.advice, cost)))), icon=":material/error:")
    if action:
        st.button(action.label, icon=":material/refresh:", key="retry", type="primary", on_click=action.take)
    with st.expander("Details"):
        st.code(explanation.details, language=None, wrap_lines=True)


def _action_for(failed: Failed, models: Sequence[Model]) -> Action | None:
    """Return the next action; None if the prompt or the settings must change, which have their own button."""
    intent, error = failed.intent, failed.error
    if isinstance(error, ContentBlocked) and intent.request:
        reseeded = {**intent.request, "seed": None}
        return Action(_priced("Try another seed", reseeded, models), partial(visit().begin, reseeded))
    is_configuration = isinstance(error, NotConfigured | Unauthorized)
    if isinstance(error, YouMustChange) and not is_configuration:
        return None
    if not error.job_is_over:
        return Action("Look again" if intent.job_id else "Try again", visit().retry)
    return Action(_priced("Try again", intent.request, models), visit().retry) if intent.request else None


def _priced(label: str, request: Request, models: Sequence[Model]) -> str:
    return labelled(label, money.price(_models_for(request, models), request), preview=is_preview())


def _models_for(request: Request, models: Sequence[Model]) -> Sequence[Model]:
    """Return the models priced for this request, or those at hand if the API does not answer."""
    try:
        return api.models(request["width"], request["height"], request["quality"])
    except ImagesError:
        return models


def show_result(shown: Shown, models: Sequence[Model]) -> None:
    generation = shown.generation
    made, asked = len(generation.images), len(generation.places)
    number = counted(made) if made == asked else f"{made} of {asked} images"
    cost = _cost(shown)
    st.header(f"{number} · {cost}".replace("$", r"\$"), anchor=False)
    for warning in generation.warnings:
        st.info(words.of_warning(warning.code, short_name(generation.model)), icon=":material/info:")
    if shown.request is None:
        st.info(UNKNOWN, icon=":material/help:")
    _show_places(shown, models)
    _show_for_all(shown)
    browser.say(generation.id, f"{number} ready, {cost}.")
    browser.focus(generation.id, ".st-key-outcome h2")
    browser.rename(generation.id)


def _cost(shown: Shown) -> str:
    if is_preview():
        return "free"
    return "nothing charged, made before" if shown.generation.replayed else dollars(shown.generation.cost_usd)


def _show_places(shown: Shown, models: Sequence[Model]) -> None:
    for place, tile in zip(shown.generation.places, grid(len(shown.generation.places)), strict=True):
        with tile:
            if isinstance(place, Missing):
                draw_missing(st, place)
            else:
                _show_picture(shown, place, models)


def _show_picture(shown: Shown, picture: Picture, models: Sequence[Model]) -> None:
    try:
        draw_picture(st, picture, pictures.large(picture.id))
    except ImagesError as error:
        st.warning(words.explain(error).advice, title=f"{picture.caption} cannot be shown")
    with st.container(horizontal=True, gap="small", key=f"actions-{picture.id}"):
        download(picture, (shown.request or {}).get("text", ""))
        if shown.request:
            _once_more(shown, shown.request, picture, models)


def download(picture: Picture, prompt: str, *, key: str = "download") -> None:
    st.download_button(
        "Download",
        partial(pictures.fetch, picture.id),
        file_name=file_name(picture, prompt),
        mime="image/png",
        icon=":material/download:",
        key=f"{key}-{picture.id}",
        on_click="ignore",
    )


def _once_more(shown: Shown, request: Request, picture: Picture, models: Sequence[Model]) -> None:
    # A retired model would refuse. Another model makes another picture, which the button says.
    model = picture.model if _is_available(picture.model, models) else None
    number = images_again(shown, picture)
    same = {**request, "seed": picture.seed, "number_of_images": number, "model": model}
    like = {**request, "seed": None, "number_of_images": 1, "model": model}
    helped = "With the prompt and settings as they were" if model else "Its model is retired: another one makes it"
    for label, asked, key in (("Again with this seed", same, "again"), ("Another like it", like, "another")):
        several = f" ({counted(asked['number_of_images'])})" if asked["number_of_images"] > 1 else ""
        st.button(
            _priced(f"{label}{several}", asked, models),
            key=f"{key}-{picture.id}",
            help=helped,
            on_click=visit().begin,
            args=(asked,),
        )


def _is_available(model_id: str, models: Sequence[Model]) -> bool:
    return not any(model.id == model_id and (model.is_retired or model.refused) for model in models)


def _show_for_all(shown: Shown) -> None:
    images = shown.generation.images
    if len(images) < 2:  # noqa: PLR2004 - one has a button of its own
        return
    prompt = (shown.request or {}).get("text", "")
    download_all(f"Download all {len(images)} as zip", images, prompt, key="zip")


def download_all(label: str, images: Sequence[Picture], prompt: str, *, key: str) -> None:
    st.download_button(
        label,
        partial(pictures.zipped, {file_name(image, prompt): image.id for image in images}),
        file_name="images.zip",
        mime="application/zip",
        icon=":material/folder_zip:",
        key=key,
        on_click="ignore",
    )


def file_name(picture: Picture, prompt: str) -> str:
    named = re.findall(r"\w+", prompt)[:6]
    return f"{'-'.join([*named, str(picture.seed)]).lower()[:80]}-{picture.id[:8]}.png"


def plain(text: str) -> str:
    """Escape Markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$:<>-])", r"\\\1", text)
