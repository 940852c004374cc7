"""Pictures for the eye: small renditions, kept for all visitors; the PNGs stay in the bucket."""

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
KEPT = 500
AT_ONCE = 6
QUALITY = 88
ZIP_NOTE = "missing.txt"


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _rendition(image_id: str, longest: int, _png: Callable[[], bytes]) -> bytes:  # noqa: ARG001 - what it is remembered by
    picture = Pillow.open(io.BytesIO(_png()))
    picture.thumbnail((longest, longest))
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def large(image_id: str, png: bytes | None = None) -> bytes:
    """At most as large as it is. Raises ImagesError where it is not at hand and cannot be had."""
    return _rendition(image_id, LARGE, partial(_given_or_asked, image_id, png))


def keep(image_id: str, png: bytes) -> None:
    """Makes the renditions while the PNG is at hand."""
    for longest in (LARGE, SMALL):
        _rendition(image_id, longest, lambda: png)


def small(image_id: str) -> bytes | None:
    """None where it cannot be had."""
    try:
        return _rendition(image_id, SMALL, partial(fetch, image_id, hurried=True))
    except (ImagesError, OSError):
        return None


def small_ones(pictures: Sequence[Picture]) -> list[bytes | None]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(small, [picture.id for picture in pictures]))


def _given_or_asked(image_id: str, png: bytes | None) -> bytes:
    return fetch(image_id, hurried=True) if png is None else png


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
