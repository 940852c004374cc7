"""What the page remembers: of this visit in its session, and of each job for whoever reloads the page."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import streamlit as st

from studio.errors import ImagesError, NotFound
from studio.results import Generation, Image

INTENTS_REMEMBERED = 500
SECONDS_REMEMBERED = 24 * 60 * 60
SHOWN_REMEMBERED = 8

Request = dict[str, Any]


@dataclass
class Intent:
    """One click. The key stays the same however often it is sent; `job_id` is known once the API has answered."""

    request: Request | None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    job_id: str | None = None
    begun_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Shown:
    request: Request | None
    generation: Generation


@dataclass
class Visit:
    pending: Intent | None = None
    failed: tuple[Intent, ImagesError] | None = None
    shown: Shown | None = None
    notice: str | None = None
    fill_in: Request | None = None
    """What the widgets are to say, for a visit that begins with somebody's job."""
    history: list[Shown] = field(default_factory=list)

    def begin(self, request: Request) -> None:
        """A second click on the same thing is the same intent."""
        if self.pending and self.pending.request == request:
            return
        intent = Intent(request)
        self._wait_for(intent)
        _found_by(intent.key, intent)

    def resume(self, name: str) -> None:
        """A reload: the page's address names the job, or the intent where the API has not accepted it yet."""
        intent = _intents().find(name) or Intent(None, job_id=name)
        self.fill_in = intent.request
        self._wait_for(intent)

    def retry(self) -> None:
        """The same intent again; a job that has failed is over, so it takes a new one."""
        if self.failed:
            intent, error = self.failed
            if intent.request and error.job_is_over:
                self.begin(intent.request)
            else:
                self._wait_for(intent)

    def accepted(self, intent: Intent, job_id: str) -> None:
        if intent.job_id != job_id or st.query_params.get("job") != job_id:
            intent.job_id = job_id
            _found_by(job_id, intent)

    def finish(self, intent: Intent, generation: Generation) -> None:
        self.pending = None
        self.show(Shown(intent.request, generation))

    def fail(self, intent: Intent, error: ImagesError) -> None:
        self.pending, self.failed = None, (intent, error)
        if intent.job_id is None or isinstance(error, NotFound):
            st.query_params.pop("job", None)

    def stopped(self, notice: str) -> None:
        self.pending, self.notice = None, notice
        st.query_params.pop("job", None)

    def show(self, shown: Shown) -> None:
        self.shown, self.failed, self.notice = shown, None, None
        others = [each for each in self.history if each.generation.id != shown.generation.id]
        self.history = [shown, *others][:SHOWN_REMEMBERED]
        st.query_params["job"] = shown.generation.id

    def _wait_for(self, intent: Intent) -> None:
        self.pending, self.failed, self.shown, self.notice = intent, None, None, None


def visit() -> Visit:
    if "visit" not in st.session_state:
        st.session_state.visit = Visit()
        if job_id := st.query_params.get("job"):
            st.session_state.visit.resume(job_id)
    found: Visit = st.session_state.visit
    return found


def again(shown: Shown, image: Image, *, seed: int | None) -> Request:
    """The request for one more image as this one, by the same model."""
    number = images_again(shown, image) if seed is not None else 1
    return {**(shown.request or {}), "seed": seed, "number_of_images": number, "model": image.model}


def images_again(shown: Shown, image: Image) -> int:
    """How many a seed must make to make this image: all, where one call made several of which this is not the first."""
    return len(shown.generation.places) if image.seed_index else 1


class Intents:
    """The API never tells a prompt again, so the page's server keeps those of the newest jobs, for a day at most."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Intent] = OrderedDict()
        self._one_at_a_time = Lock()

    def keep(self, name: str, intent: Intent) -> None:
        with self._one_at_a_time:
            self._kept[name] = intent
            self._forget()

    def find(self, name: str) -> Intent | None:
        with self._one_at_a_time:
            self._forget()
            return self._kept.get(name)

    def _forget(self) -> None:
        oldest = time.monotonic() - SECONDS_REMEMBERED
        for name in list(self._kept):
            if len(self._kept) <= INTENTS_REMEMBERED and self._kept[name].begun_at > oldest:
                break
            del self._kept[name]


@st.cache_resource
def _intents() -> Intents:
    return Intents()


def _found_by(name: str, intent: Intent) -> None:
    """From here on a reload finds the intent by the page's address."""
    _intents().keep(name, intent)
    st.query_params["job"] = name
