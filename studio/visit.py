"""What the page remembers: of this visit in its session, and of each job for whoever reloads the page."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from studio.errors import ImagesError, YouMustChange
from studio.results import Generation, Image

JOBS_REMEMBERED = 500
SHOWN_REMEMBERED = 8

Request = dict[str, Any]


@dataclass
class Intent:
    """One click. The key stays the same however often it is sent; `job_id` is known once the API has answered."""

    request: Request | None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    job_id: str | None = None


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
        self._wait_for(Intent(request))
        st.query_params.pop("job", None)

    def resume(self, job_id: str) -> None:
        intent = _jobs().get(job_id) or Intent(None, job_id=job_id)
        self.fill_in = intent.request
        self._wait_for(intent)

    def retry(self) -> None:
        if self.failed:
            intent, error = self.failed
            anew = intent.request and (error.job_is_over or isinstance(error, YouMustChange))
            self._wait_for(Intent(intent.request) if anew else intent)

    def accepted(self, intent: Intent, job_id: str) -> None:
        """From here on a reload finds the job by the page's address."""
        if intent.job_id != job_id or st.query_params.get("job") != job_id:
            intent.job_id = job_id
            _remember(job_id, intent)
            st.query_params["job"] = job_id

    def finish(self, intent: Intent, generation: Generation) -> None:
        self.pending = None
        self.show(Shown(intent.request, generation))

    def fail(self, intent: Intent, error: ImagesError) -> None:
        self.pending, self.failed = None, (intent, error)

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
    return {**(shown.request or {}), "seed": seed, "number_of_images": 1, "model": image.model}


@st.cache_resource
def _jobs() -> OrderedDict[str, Intent]:
    """The API never tells a prompt again, so the page's server keeps those of the newest jobs."""
    return OrderedDict()


def _remember(job_id: str, intent: Intent) -> None:
    jobs = _jobs()
    jobs[job_id] = intent
    while len(jobs) > JOBS_REMEMBERED:
        jobs.popitem(last=False)
