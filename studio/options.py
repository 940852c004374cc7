"""The request's parameters as widgets, within their documented limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from studio.results import Model
from studio.visit import Request

LONGEST_PROMPT = 512
LARGEST_SEED = 2147483646
SHAPES = {"Square": (1024, 1024), "Landscape": (1024, 768), "Portrait": (768, 1024)}
OWN_SIZE = "Own size"
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
AUTOMATIC = "Automatic: the first that can be had"


def set_defaults() -> None:
    for name, value in DEFAULTS.items():
        st.session_state.setdefault(name, value)


def request() -> Request:
    """What the widgets say, as the API wants it."""
    state = st.session_state
    width, height = size()
    return {
        "text": state.prompt.strip(),
        "width": width,
        "height": height,
        "number_of_images": state.number_of_images,
        "cfg_scale": state.cfg_scale,
        "seed": None if state.random else int(state.seed),
        "quality": state.quality,
        "negative_text": state.negative_text.strip() or None,
        "model": state.model or None,
    }


def size() -> tuple[int, int]:
    state = st.session_state
    return SHAPES.get(state.shape) or (int(state.width), int(state.height))


def fill(request: Request) -> None:
    """Sets the widgets to a request that was made before."""
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


def complaint(request: Request) -> str | None:
    """What is wrong with the texts; the other widgets keep to their limits by themselves."""
    if not request["text"]:
        return "Write what the image should show."
    for name, text in (("prompt", request["text"]), ("text of what to leave out", request["negative_text"] or "")):
        if len(text) > LONGEST_PROMPT:
            return f"The {name} has {len(text)} characters; {LONGEST_PROMPT} are the most. Shorten it."
    return None


def draw(models: Sequence[Model]) -> None:
    with st.container(horizontal=True, gap="medium", key="options"):
        st.segmented_control("Images", [1, 2, 3, 4], key="number_of_images", required=True)
        st.segmented_control("Shape", [*SHAPES, OWN_SIZE], key="shape", required=True)
        st.segmented_control(
            "Quality", ["standard", "premium"], key="quality", required=True, format_func=str.capitalize
        )
    with st.container(horizontal=True):
        if st.session_state.shape == OWN_SIZE:
            for side in ("Width", "Height"):
                st.number_input(f"{side}, 512 to 1024", 512, 1024, step=1, key=side.lower(), width=160)
    with st.expander("More settings"):
        _draw_more(models)


def _draw_more(models: Sequence[Model]) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        _draw_model(models)
        st.slider("How closely to follow the prompt (CFG scale)", 1.0, 20.0, step=0.5, key="cfg_scale")
        st.text_area("What to leave out", key="negative_text", height=80, placeholder="people, text, …")
    with right:
        st.toggle("Random seed", key="random", help="Off: the same seed and prompt make the same image again")
        st.number_input("Seed", 0, LARGEST_SEED, step=1, key="seed", disabled=st.session_state.random)


def _draw_model(models: Sequence[Model]) -> None:
    names = {model.id: _name(model) for model in models}
    chosen = st.session_state.model
    # A choice is kept while the API is away and its catalog unknown.
    choices = ["", *names, *([chosen] if chosen and chosen not in names else [])]
    st.selectbox("Model", choices, key="model", format_func=lambda each: names.get(each, each) or AUTOMATIC)


def _name(model: Model) -> str:
    life = {"end_of_life": " · retired", "legacy": " · soon retired"}.get(model.state, "")
    refused = " · refused lately" if model.refused and not life else ""
    return f"{model.name} · {dollars(model.price_usd)} each{life}{refused}"


def price(models: Sequence[Model], request: Request) -> str | None:
    """Which model will answer is known afterwards, so the dearest counts."""
    asked = [
        model.price_usd
        for model in models
        if model.id == request["model"] or (not request["model"] and request["quality"] in model.lists)
    ]
    if not asked:
        return None
    number = request["number_of_images"]
    most = "" if min(asked) == max(asked) else "at most "
    return f"{counted(number)}, {most}{dollars(max(asked) * number)}"


def counted(images: int) -> str:
    return f"{images} image{'' if images == 1 else 's'}"


def dollars(amount: float) -> str:
    text = f"{amount:.4f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents.ljust(2, '0')}"
