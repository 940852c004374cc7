"""Small renditions for display, cached for all visitors; the PNGs stay in the bucket.

They are data URLs: Streamlit deletes a file that it serves itself where one run of the script ends after the next has
begun.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import streamlit as st
from PIL import Image as Pillow

from text_to_image.client import Client
from text_to_image.errors import ImagesError, NotFound
from text_to_image.results import Picture

LARGE, SMALL = 1024, 384
MAX_ENTRIES = 500
WORKERS = 6
QUALITY = 88
ZIP_NOTE = "missing.txt"


@st.cache_data(max_entries=MAX_ENTRIES, show_spinner=False)
def _rendition(image_id: str, longest: int, _png: bytes | None = None) -> str:
    webp = _fetched(image_id, longest) if _png is None else _shrunk(_png, longest)
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def _fetched(image_id: str, width: int) -> bytes:
    try:
        return _fetch_rendition(image_id, width)
    except NotFound:
        # An older API has no renditions.
        return _shrunk(fetch(image_id, fail_fast=True), width)


def _shrunk(png: bytes, longest: int) -> bytes:
    picture = Pillow.open(io.BytesIO(png))
    picture.thumbnail((longest, longest))
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def large(image_id: str, png: bytes | None = None) -> str:
    """Return a large rendition, at most of the image's own size, as a data URL. Raises ImagesError if the download
    fails."""
    return _rendition(image_id, LARGE, png)


def cache(image_id: str, png: bytes) -> None:
    """Make both renditions of a downloaded PNG."""
    for longest in (LARGE, SMALL):
        _rendition(image_id, longest, png)


def small(image_id: str) -> str | None:
    """Return a thumbnail as a data URL, or None if the download fails."""
    try:
        return _rendition(image_id, SMALL)
    except (ImagesError, OSError):
        return None


def small_ones(pictures: Sequence[Picture]) -> list[str | None]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(small, [picture.id for picture in pictures]))


def _fetch_rendition(image_id: str, width: int) -> bytes:
    with Client(fail_fast=True) as client:
        return client.rendition(image_id, width)


def fetch(image_id: str, *, fail_fast: bool = False) -> bytes:
    """Download the PNG by its permanent link, however long the page was open."""
    with Client(fail_fast=fail_fast) as client:
        return client.png(image_id)


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
