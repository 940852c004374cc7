"""What the page asks the API: once, hurriedly, and not again for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from studio.client import Client, Quality, blocking
from studio.configuration import configuration
from studio.errors import ImagesError
from studio.results import Model, Page, Usage

CATALOG_SECONDS = 60
USAGE_SECONDS = 20
TROUBLE_SECONDS = 10


@blocking
async def image_deleted(image_id: str) -> None:
    async with Client(hurried=True) as client:
        await client.delete(image_id)


@blocking
async def link(image_id: str) -> str:
    async with Client(hurried=True) as client:
        return await client.link(image_id)


@blocking
async def gallery_page(cursor: str | None) -> Page:
    async with Client(hurried=True) as client:
        return await client.images(cursor=cursor)


@blocking
async def fresh_usage() -> Usage | None:
    async with Client(hurried=True) as client:
        return await usage_or_none(client)


async def usage_or_none(client: Client) -> Usage | None:
    """None where the API does not say."""
    try:
        return await client.usage()
    except ImagesError:
        return None


def catalog(wanted: tuple[int, int, Quality] | None) -> tuple[Sequence[Model], ImagesError | None]:
    """The models with their prices, or why they are not known. Trouble is remembered for a few seconds."""
    known = st.session_state.get("catalog_trouble")
    if known and time.monotonic() < known[0]:
        return [], known[1]
    try:
        return models(*(wanted or (1024, 1024, "standard"))), None
    except ImagesError as error:
        st.session_state.catalog_trouble = (time.monotonic() + TROUBLE_SECONDS, error)
        return [], error


def forget_trouble() -> None:
    st.session_state.pop("catalog_trouble", None)


def models(width: int, height: int, quality: Quality) -> list[Model]:
    """Raises ImagesError."""
    where = configuration()
    return _models(where.base_url, where.api_key, width, height, quality)


@st.cache_data(ttl=CATALOG_SECONDS, max_entries=64, show_spinner="Asking the API for its models and prices")
def _models(address: str, key: str, width: int, height: int, quality: Quality) -> list[Model]:
    @blocking
    async def ask() -> list[Model]:
        async with Client(address, key, hurried=True) as client:
            return await client.models(width, height, quality)

    return ask()


@st.cache_data(ttl=USAGE_SECONDS, max_entries=64, show_spinner=False)
def _usage(address: str, key: str) -> Usage | None:  # noqa: ARG001 - what the answer is remembered by
    return fresh_usage()


def usage() -> Usage | None:
    try:
        where = configuration()
    except ImagesError:
        return None
    return _usage(where.base_url, where.api_key)


def forget_usage() -> None:
    _usage.clear()
