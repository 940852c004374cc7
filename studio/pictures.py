"""Pictures for the eye: small renditions, kept for all visitors; the PNGs stay in the bucket."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import streamlit as st
from PIL import Image as Pillow

from studio.client import Client, blocking
from studio.errors import ImagesError, NotFound
from studio.results import Picture

LARGE, SMALL = 1024, 384
KEPT = 500
AT_ONCE = 6
QUALITY = 88
ZIP_NOTE = "missing.txt"


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _rendition(image_id: str, longest: int, _png: bytes | None = None) -> bytes:
    return _fetched(image_id, longest) if _png is None else _shrunk(_png, longest)


def _fetched(image_id: str, width: int) -> bytes:
    try:
        return _fetch_rendition(image_id, width)
    except NotFound:
        # An older API has no renditions.
        return _shrunk(fetch(image_id, hurried=True), width)


def _shrunk(png: bytes, longest: int) -> bytes:
    picture = Pillow.open(io.BytesIO(png))
    picture.thumbnail((longest, longest))
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def large(image_id: str, png: bytes | None = None) -> bytes:
    """At most as large as it is. Raises ImagesError where it is not at hand and cannot be had."""
    return _rendition(image_id, LARGE, png)


def keep(image_id: str, png: bytes) -> None:
    """Makes the renditions while the PNG is at hand."""
    for longest in (LARGE, SMALL):
        _rendition(image_id, longest, png)


def small(image_id: str) -> bytes | None:
    """None where it cannot be had."""
    try:
        return _rendition(image_id, SMALL)
    except (ImagesError, OSError):
        return None


def small_ones(pictures: Sequence[Picture]) -> list[bytes | None]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(small, [picture.id for picture in pictures]))


@blocking
async def _fetch_rendition(image_id: str, width: int) -> bytes:
    async with Client(hurried=True) as client:
        return await client.rendition(image_id, width)


@blocking
async def fetch(image_id: str, *, hurried: bool = False) -> bytes:
    """The PNG itself, by the lasting link: no matter how long the page was open."""
    async with Client(hurried=hurried) as client:
        return await client.png(image_id)


def _fetch_or_none(image_id: str) -> bytes | None:
    try:
        return fetch(image_id)
    except NotFound:
        return None


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip of PNGs, from images' ids by the files' names; it names those that are gone."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pngs = dict(zip(files, pool.map(_fetch_or_none, files.values()), strict=True))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, png in pngs.items():
            if png is not None:
                archive.writestr(name, png)
        if gone := [name for name, png in pngs.items() if png is None]:
            archive.writestr(ZIP_NOTE, "\n".join(["Deleted, or past their time:", *gone, ""]))
    return written.getvalue()
