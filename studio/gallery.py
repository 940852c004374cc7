"""The gallery: all images of the key by day, the newest generation first, and a lightbox."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from studio import api, browser, pictures, words
from studio.outcome import download, download_all, plain
from studio.show import model_and_size
from studio.visit import Gallery, Request, Shown, Visit, visit
from text_to_image.configuration import is_preview
from text_to_image.errors import ImagesError, NotFound
from text_to_image.prices import dollars
from text_to_image.results import ListedPicture
from text_to_image.words import counted

FRESH_SECONDS = 60
FACTS_WIDTH = 300
NO_PROMPT = "Its prompt is private: only the visit that made the image shows it, while this page stays open."


def draw(now: Visit) -> None:
    _load_first(now)
    found = _in_order(now.gallery.pictures or [])
    st.header("Your images", anchor=False)
    if now.gallery.error:
        _show_error(now.gallery.error)
    elif not found:
        st.markdown("What you make appears here and stays, also for the next visit.")
    for day, of_day in itertools.groupby(found, _day_of):
        _draw_day(_day(day), list(of_day))
    with st.container(horizontal=True, key="gallery-actions"):
        _draw_actions(now.gallery, found)


def _in_order(found: Sequence[ListedPicture]) -> list[ListedPicture]:
    """Sort a list, newest first, so that within a day each generation's images follow each other in their own order."""
    newest: dict[tuple[date, str], int] = {}
    for place, picture in enumerate(found):
        newest.setdefault((_day_of(picture), picture.generation_id), place)
    return sorted(
        found,
        key=lambda each: (newest[_day_of(each), each.generation_id], each.seed or 0, each.seed_index or 0),
    )


def _day_of(picture: ListedPicture) -> date:
    return _local(picture.made_at).date()


def _show_error(error: ImagesError) -> None:
    st.warning(words.explain(error).advice, title="Your images cannot be listed right now")
    st.button("List them again", key="list-again", on_click=_renew)


def _draw_day(title: str, of_day: Sequence[ListedPicture]) -> None:
    cost = "free" if is_preview() else dollars(sum(picture.cost_usd for picture in of_day))
    st.subheader(f"{title} · {counted(len(of_day))} · {cost}".replace("$", r"\$"), anchor=False)
    cells = st.grid(min_column_width=150, gap="small", key=f"day-{of_day[0].id}")
    for picture, shown in zip(of_day, pictures.small_ones(of_day), strict=True):
        with cells, st.container(key=f"tile-{picture.id}"):
            if shown:
                st.image(shown, alt="", width="stretch")
            else:
                st.skeleton(height=150)
            st.button(_name(picture), key=f"open-{picture.id}", on_click=_open, args=(picture.id,))


def _draw_actions(gallery: Gallery, found: Sequence[ListedPicture]) -> None:
    if gallery.next_cursor:
        st.button("Show more", key="more-images", icon=":material/expand_more:", on_click=_load_more)
    if len(found) > 1:
        download_all(f"Download these {len(found)} as zip", found, "", key="zip-gallery")


def _name(picture: ListedPicture) -> str:
    return f"Open the image of {_moment(picture)}, seed {picture.seed}"


def _load_first(now: Visit) -> None:
    """Load the newest page if it is older than a minute; later pages stay loaded."""
    known = now.gallery
    if known.pictures is not None and time.monotonic() - known.asked_at < FRESH_SECONDS:
        return
    page = _page(now, None)
    last = page.pictures[-1].made_at if page.pictures else None
    listed = {picture.id for picture in page.pictures or ()}
    behind = [each for each in known.pictures or () if last and each.made_at <= last and each.id not in listed]
    cursor = known.next_cursor if behind else page.next_cursor
    now.gallery = replace(page, pictures=[*(page.pictures or ()), *behind], next_cursor=cursor)


def _load_more() -> None:
    now = visit()
    page = _page(now, now.gallery.next_cursor)
    now.gallery = replace(page, pictures=[*(now.gallery.pictures or ()), *(page.pictures or ())])


def _page(now: Visit, cursor: str | None) -> Gallery:
    """Load one page; on an error the page is empty and holds the error."""
    asked_at = time.monotonic()
    try:
        page = api.gallery_page(cursor=cursor)
    except NotFound:
        return Gallery(_of_this_visit(now), None, None, asked_at)
    except ImagesError as error:
        return Gallery([], cursor, error, asked_at)
    return Gallery(list(page.pictures), page.next_cursor, None, asked_at)


def _of_this_visit(now: Visit) -> list[ListedPicture]:
    """Return this visit's images, for an API without a gallery."""
    return [_listed(shown, number) for shown in now.history for number in range(len(shown.generation.images))]


def _listed(shown: Shown, number: int) -> ListedPicture:
    made, generation = datetime.fromtimestamp(shown.made_at, UTC), shown.generation
    facts = vars(generation.images[number])
    cost = generation.cost_usd / len(generation.images)
    return ListedPicture(**facts, made_at=made, generation_id=generation.id, cost_usd=cost)


def _renew() -> None:
    visit().gallery = Gallery()


def _open(image_id: str) -> None:
    st.session_state.open_image = image_id


def _close() -> None:
    st.session_state.pop("open_image", None)


def draw_lightbox(now: Visit) -> None:
    """Draw the opened image over the page."""
    if "open_image" in st.session_state:
        _lightbox(now)


@st.dialog("Image", width="large", on_dismiss=_close)
def _lightbox(now: Visit) -> None:
    found = _in_order(now.gallery.pictures or [])
    place = next((place for place, each in enumerate(found) if each.id == st.session_state.get("open_image")), None)
    if place is None:
        _close()
        st.rerun()
    picture = found[place]
    request = now.request_of(picture.generation_id)
    with st.container(horizontal=True, gap="medium", key="lightbox"):
        with st.container(width="stretch", horizontal_alignment="center", key="large"):
            _draw_large(now, picture)
        with st.container(width=FACTS_WIDTH, key="facts"):
            with st.container(horizontal=True, gap="small"):
                _turn("Previous", "Left", found, place - 1)
                _turn("Next", "Right", found, place + 1)
            st.markdown(f"{place + 1} of {len(found)} · {_moment(picture)}")
            st.markdown(f"> {plain(request['text'])}" if request else NO_PROMPT)
            st.markdown(_facts(picture))
            _draw_buttons(now, picture, request)


def _turn(label: str, key: str, found: Sequence[ListedPicture], place: int) -> None:
    there = 0 <= place < len(found)
    target = found[place].id if there else ""
    st.button(label, shortcut=key, key=f"turn-{key}", disabled=not there, on_click=_open, args=(target,))


def _draw_large(now: Visit, picture: ListedPicture) -> None:
    try:
        st.image(pictures.large(picture.id), alt=_name(picture).removeprefix("Open the "), width="content")
    except NotFound:
        _gone(now)
    except ImagesError as error:
        st.warning(words.explain(error).advice, title="It cannot be shown right now")


def _gone(now: Visit) -> None:
    st.warning("It was deleted, or its time is over.", title="This image is gone")
    now.gallery.asked_at = 0


def _facts(picture: ListedPicture) -> str:
    cost = "free" if is_preview() else dollars(picture.cost_usd).replace("$", r"\$")
    return f"Seed {picture.seed} · {model_and_size(picture)} · {cost}"


def _draw_buttons(now: Visit, picture: ListedPicture, request: Request | None) -> None:
    download(picture, (request or {}).get("text", ""), key="download-large")
    if st.button("Copy link", icon=":material/link:", key="copy-link"):
        _copy_link(picture)
    label = "Copy prompt and seed" if request else "Copy seed"
    if st.button(label, icon=":material/content_copy:", key="copy-prompt"):
        text = f"{request['text']}\nseed {picture.seed}" if request else str(picture.seed)
        _copy(text, "Copied.")
    why_not = None if request else "The settings are known only to the visit that made the image."
    if st.button("Use these settings", icon=":material/tune:", key="use", disabled=request is None, help=why_not):
        now.fill_in = {**(request or {}), "seed": picture.seed}
        _close()
        st.rerun()
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown("It is deleted for good, for everybody who has its link.")
        if st.button("Delete this image", key="delete", type="primary"):
            _delete(now, picture)


def _copy(text: str, said: str) -> None:
    browser.copy(str(uuid.uuid4()), text, said)
    st.toast(said, icon=":material/check:")


def _copy_link(picture: ListedPicture) -> None:
    """Make the link at the click, so that it does not expire early."""
    try:
        _copy(api.link(picture.id), "Copied. The link works for a while, for everybody who has it.")
    except ImagesError as error:
        st.toast(words.explain(error).title, icon=":material/error:")


def _delete(now: Visit, picture: ListedPicture) -> None:
    try:
        api.delete_image(picture.id)
    except NotFound:
        pass
    except ImagesError as error:
        st.error(words.explain(error).advice, title="It was not deleted")
        return
    now.gallery.pictures = [each for each in now.gallery.pictures or [] if each.id != picture.id]
    _close()
    st.toast("Deleted.")
    st.rerun()


def _local(moment: datetime) -> datetime:
    return moment.astimezone(_time_zone())


def _time_zone() -> tzinfo:
    """Return the browser's time zone, if known."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _day(day: date) -> str:
    today = datetime.now(_time_zone()).date()
    named = {today: "Today", today - timedelta(days=1): "Yesterday"}
    return named.get(day, f"{day:%A}, {day.day} {day:%B}")


def _moment(picture: ListedPicture) -> str:
    made_at = _local(picture.made_at)
    return f"{made_at.day} {made_at:%B, %H:%M}"
