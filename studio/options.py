"""The request's parameters as widgets. Values outside the limits are refused, never replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from studio.show import short_name
from studio.visit import Request
from text_to_image.client import Quality
from text_to_image.prices import dollars
from text_to_image.results import Model

LONGEST_PROMPT = 512
LARGEST_SEED = 2147483646
SIDES = (512, 1024)
SHAPES = {"Square": (1024, 1024), "Landscape": (1024, 768), "Portrait": (768, 1024)}
OWN_SIZE = "Own size"
STYLES = {
    "Photo": "photograph, natural light, 35 mm",
    "Watercolour": "watercolour on paper, soft edges",
    "Oil": "oil painting, visible brush strokes",
    "Line drawing": "black ink line drawing, white background",
    "Flat poster": "flat poster, few bold colours",
    "Clay": "clay figures, soft studio light",
}
DEFAULTS: dict[str, Any] = {
    "prompt": "",
    "number_of_images": 1,
    "shape": "Square",
    "width": 1024,
    "height": 1024,
    "quality": "standard",
    "random": True,
    "seed": 42,
    "cfg_scale": 8.0,
    "negative_text": "",
    "model": "",
}
AUTOMATIC = "Automatic: the first that is available"


def set_defaults() -> None:
    for name, value in DEFAULTS.items():
        st.session_state.setdefault(name, value)


def request() -> Request:
    """Return the widgets' values as a request."""
    state = st.session_state
    width, height = size()
    return {
        "text": state.prompt.strip(),
        "width": width,
        "height": height,
        "number_of_images": state.number_of_images,
        "cfg_scale": state.cfg_scale,
        "seed": None if state.random else state.seed,
        "quality": state.quality,
        "negative_text": state.negative_text.strip() or None,
        "model": state.model or None,
    }


def size() -> tuple[int, int]:
    state = st.session_state
    return SHAPES.get(state.shape) or (state.width, state.height)


def priced() -> tuple[int, int, Quality] | None:
    """Return what the price depends on; None while the size is invalid."""
    width, height = size()
    return None if _of_size(width, height) else (width, height, st.session_state.quality)


def fill(request: Request) -> None:
    """Set the widgets to an earlier request."""
    state = st.session_state
    state.prompt, state.negative_text = request["text"], request["negative_text"] or ""
    state.model = request["model"] or ""
    for name in ("width", "height", "number_of_images", "quality", "cfg_scale"):
        state[name] = request[name]
    state.random = request["seed"] is None
    if request["seed"] is not None:
        state.seed = request["seed"]
    asked = (request["width"], request["height"])
    state.shape = next((name for name, known in SHAPES.items() if known == asked), OWN_SIZE)


def draw_styles() -> None:
    """Draw a toggle for each style, which is pressed while the prompt contains the style's words."""
    st.session_state.styles = [name for name, words in STYLES.items() if words in st.session_state.prompt]
    st.pills("Add a style to the prompt", list(STYLES), key="styles", selection_mode="multi", on_change=_set_styles)


def _set_styles() -> None:
    """Add the words of the pressed styles to the prompt, and remove those of the others."""
    prompt = st.session_state.prompt.rstrip(" ,\n")
    for name, words in STYLES.items():
        if name not in st.session_state.styles:
            prompt = prompt.replace(f", {words}", "").replace(words, "").lstrip(" ,")
        elif words not in prompt:
            prompt = f"{prompt}, {words}" if prompt else words
    st.session_state.prompt = prompt


def problem(request: Request) -> str | None:
    """Return why the request is invalid, or None."""
    if not request["text"]:
        return "Write what the image should show."
    return _too_long(request) or _of_size(request["width"], request["height"]) or _of_seed(request["seed"])


def _too_long(request: Request) -> str | None:
    for name, text in (("prompt", request["text"]), ("text of what to leave out", request["negative_text"] or "")):
        if len(text) > LONGEST_PROMPT:
            return f"The {name} has {len(text)} characters; {LONGEST_PROMPT} are the most. Shorten it."
    return None


def _of_size(width: int | None, height: int | None) -> str | None:
    low, high = SIDES
    for name, side in (("Width", width), ("Height", height)):
        if side is None or not low <= side <= high:
            return f"{name} must be between {low} and {high} pixels, not {side}."
    return None


def _of_seed(seed: int | None) -> str | None:
    if st.session_state.random or (seed is not None and 0 <= seed <= LARGEST_SEED):
        return None
    return f"The seed must be between 0 and {LARGEST_SEED}, not {seed}."


def draw(models: Sequence[Model]) -> None:
    st.segmented_control("Images", [1, 2, 3, 4], key="number_of_images", required=True)
    st.segmented_control("Shape", [*SHAPES, OWN_SIZE], key="shape", required=True)
    with st.container(horizontal=True):
        if st.session_state.shape == OWN_SIZE:
            for side in ("Width", "Height"):
                st.number_input(f"{side} (512 to 1024)", step=1, key=side.lower(), width=160)
    _say(_of_size(*size()))
    st.segmented_control("Quality", ["standard", "premium"], key="quality", required=True, format_func=str.capitalize)
    with st.expander(_more_settings(models), key="more", expanded=bool(st.session_state.model)):
        _draw_more(models)


def _say(problem: str | None) -> None:
    """Show the problem in a fixed place, so that it does not move the widgets."""
    with st.empty():
        if problem:
            st.error(problem)


def _more_settings(models: Sequence[Model]) -> str:
    """Return the expander's label, which names the settings inside."""
    state = st.session_state
    known = {model.id: model.name for model in models}
    seed = [] if state.random else [f"seed {state.seed}"]
    chosen = [known.get(state.model, short_name(state.model))] if state.model else []
    return " · ".join(["More settings", *chosen, *seed])


def _draw_more(models: Sequence[Model]) -> None:
    _draw_model(models)
    st.slider("How closely to follow the prompt", 1.0, 20.0, step=0.5, key="cfg_scale")
    st.text_area("What to leave out", key="negative_text", height=80, placeholder="people, text, …")
    st.toggle("Random seed", key="random", help="Off: the same seed and prompt make the same image again")
    st.number_input("Seed", step=1, key="seed", disabled=st.session_state.random)
    _say(_of_seed(st.session_state.seed))


def _draw_model(models: Sequence[Model]) -> None:
    names = {model.id: _name(model) for model in models}
    chosen = st.session_state.model
    # Keep the choice while the catalog is not available.
    choices = ["", *names, *([chosen] if chosen and chosen not in names else [])]
    st.selectbox("Model", choices, key="model", format_func=lambda each: names.get(each, each) or AUTOMATIC)


def _name(model: Model) -> str:
    life = {"end_of_life": " · retired", "legacy": " · soon retired"}.get(model.state, "")
    refused = " · refused lately" if model.refused and not life else ""
    return f"{model.name} · {dollars(model.price_usd)} each{life}{refused}"
