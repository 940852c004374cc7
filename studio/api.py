"""The page's requests to the API: not retried, and cached for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st

from text_to_image.client import Client, Quality
from text_to_image.configuration import Configuration, configuration
from text_to_image.errors import ImagesError
from text_to_image.results import Model, Usage

P = ParamSpec("P")
R = TypeVar("R")

CATALOG_SECONDS = 60
USAGE_SECONDS = 20
ERROR_SECONDS = 10


def _fail_fast(method: Callable[Concatenate[Client, P], R]) -> Callable[P, R]:
    """Return a call of a client's method that does not retry."""

    def call(*arguments: P.args, **options: P.kwargs) -> R:
        with Client(fail_fast=True) as client:
            return method(client, *arguments, **options)

    return call


delete_image = _fail_fast(Client.delete)
link = _fail_fast(Client.link)
gallery_page = _fail_fast(Client.images)
_fresh_usage = _fail_fast(Client.usage)


def catalog(wanted: tuple[int, int, Quality] | None) -> tuple[Sequence[Model], ImagesError | None]:
    """Return the models with their prices, or the error, which is cached for a few seconds."""
    known = st.session_state.get("catalog_error")
    if known and time.monotonic() < known[0]:
        return [], known[1]
    try:
        return models(*(wanted or (1024, 1024, "standard"))), None
    except ImagesError as error:
        st.session_state.catalog_error = (time.monotonic() + ERROR_SECONDS, error)
        return [], error


def forget_error() -> None:
    st.session_state.pop("catalog_error", None)


def models(width: int, height: int, quality: Quality) -> Sequence[Model]:
    """Raises ImagesError."""
    return _models(configuration(), width, height, quality)


@st.cache_data(ttl=CATALOG_SECONDS, max_entries=64, show_spinner="Asking the API for its models and prices")
def _models(where: Configuration, width: int, height: int, quality: Quality) -> list[Model]:  # noqa: ARG001 - as below
    return _fail_fast(Client.models)(width, height, quality)


def fresh_usage() -> Usage | None:
    """Return None if the API does not say."""
    try:
        return _fresh_usage()
    except ImagesError:
        return None


def usage() -> Usage | None:
    try:
        return _usage(configuration())
    except ImagesError:
        return None


@st.cache_data(ttl=USAGE_SECONDS, max_entries=64, show_spinner=False)
def _usage(where: Configuration) -> Usage | None:  # noqa: ARG001 - the key of the cache
    return fresh_usage()


def forget_usage() -> None:
    _usage.clear()
