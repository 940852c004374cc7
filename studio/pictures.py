"""Small renditions for display, cached for all visitors; the PNGs stay in the bucket."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import streamlit as st
from PIL import Image as Pillow

from studio.client import Client, blocking
from studio.errors import ImagesError, NotFound
from studio.results import Picture

LARGE, SMALL = 1024, 384
MAX_ENTRIES = 500
WORKERS = 6
QUALITY = 88
ZIP_NOTE = "missing.txt"


@st.cache_data(max_entries=MAX_ENTRIES, show_spinner=False)
def _rendition(image_id: str, longest: int, _png: Callable[[], bytes]) -> bytes:  # noqa: ARG001 - the key of the cache
    picture = Pillow.open(io.BytesIO(_png()))
    picture.thumbnail((longest, longest))
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def large(image_id: str, png: bytes | None = None) -> bytes:
    """Return a large rendition, at most of the image's own size. Raises ImagesError if the download fails."""
    return _rendition(image_id, LARGE, partial(_given_or_fetched, image_id, png))


def cache(image_id: str, png: bytes) -> None:
    """Make both renditions of a downloaded PNG."""
    for longest in (LARGE, SMALL):
        _rendition(image_id, longest, lambda: png)


def small(image_id: str) -> bytes | None:
    """Return a thumbnail, or None if the download fails."""
    try:
        return _rendition(image_id, SMALL, partial(fetch, image_id, fail_fast=True))
    except (ImagesError, OSError):
        return None


def small_ones(pictures: Sequence[Picture]) -> list[bytes | None]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(small, [picture.id for picture in pictures]))


def _given_or_fetched(image_id: str, png: bytes | None) -> bytes:
    return fetch(image_id, fail_fast=True) if png is None else png


@blocking
async def fetch(image_id: str, *, fail_fast: bool = False) -> bytes:
    """Download the PNG by its permanent link, however long the page was open."""
    async with Client(fail_fast=fail_fast) as client:
        return await client.png(image_id)


def _fetch_or_none(image_id: str) -> bytes | None:
    try:
        return fetch(image_id)
    except NotFound:
        return None


def zipped(files: Mapping[str, str]) -> bytes:
    """Return a zip of PNGs, from image ids by file name; it lists images that are deleted or expired."""
    with ThreadPoolExecutor(WORKERS) as pool:
        pngs = dict(zip(files, pool.map(_fetch_or_none, files.values()), strict=True))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, png in pngs.items():
            if png is not None:
                archive.writestr(name, png)
        if gone := [name for name, png in pngs.items() if png is None]:
            archive.writestr(ZIP_NOTE, "\n".join(["Deleted, or past their time:", *gone, ""]))
    return written.getvalue()
