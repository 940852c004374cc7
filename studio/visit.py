"""The page's state: of this visit in its session, and of recent jobs for page reloads."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import streamlit as st

from text_to_image.errors import ImagesError, NotFound
from text_to_image.following import Progress
from text_to_image.results import Generation, Image, ListedPicture, Picture, Usage

MAX_INTENTS = 500
MAX_AGE_SECONDS = 24 * 60 * 60
MAX_HISTORY = 24

Request = dict[str, Any]


@dataclass
class Intent:
    """One click. All its retries have the same idempotency key; `job_id` is known once the API has answered."""

    request: Request | None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    job_id: str | None = None
    begun_at: float = field(default_factory=time.monotonic)
    before: Usage | None = None
    """The spend before it was sent, to find what a failure has cost."""

    @property
    def names(self) -> set[str | None]:
        """The names that the page's address may have for it."""
        return {self.key, self.job_id} - {None}


@dataclass
class Waiting:
    """The state of the pending intent. `made` holds its images; `silent_since` is when the API stopped answering;
    `begun_at` is the click, or by the API's clock when it accepted the job, if that was earlier."""

    progress: Progress
    begun_at: float = field(default_factory=time.monotonic)
    made: dict[int, Image] = field(default_factory=dict)
    silent_since: float | None = None
    next_poll: float = 0.0
    is_stopping: bool = False
    polling: Lock = field(default_factory=Lock)


@dataclass(frozen=True)
class Shown:
    request: Request | None
    generation: Generation[Picture]
    made_at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Failed:
    """`charged` is what the failure cost, if known."""

    intent: Intent
    error: ImagesError
    charged: float | None = None
    token: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Gallery:
    """The loaded pages; None before the first."""

    pictures: list[ListedPicture] | None = None
    next_cursor: str | None = None
    error: ImagesError | None = None
    asked_at: float = 0.0


@dataclass
class Visit:
    pending: Intent | None = None
    waiting: Waiting | None = None
    failed: Failed | None = None
    shown: Shown | None = None
    notice: str | None = None
    fill_in: Request | None = None
    """The values for the widgets at the next run."""
    address: str | None = None
    """The job in the page's address."""
    spent: float = 0.0
    whole_page: bool = False
    """Whether this run draws the whole page, not only the fragment of the running job."""
    gallery: Gallery = field(default_factory=Gallery)
    history: list[Shown] = field(default_factory=list)

    def follow(self, name: str | None) -> None:
        """Show the job that the page's address names, after a reload or the Back button."""
        if name == self.address or name in self._names():
            self.address = name
            return
        self.address = name
        if name is None:
            self._turn_to(None)
        elif known := next((shown for shown in self.history if shown.generation.id == name), None):
            self.show(known)
            self.fill_in = known.request
        else:
            self._resume(name)

    def begin(self, request: Request) -> None:
        """Start an intent; a second click with the same request does nothing."""
        if self.pending and self.pending.request == request:
            return
        intent = Intent(request)
        self._turn_to(intent)
        self._remember(intent.key, intent)

    def retry(self) -> None:
        """Retry the intent; a failed job is over, so it needs a new one."""
        if self.failed is None:
            return
        intent, error = self.failed.intent, self.failed.error
        if intent.request and error.job_is_over:
            self.begin(intent.request)
        else:
            self._turn_to(intent)

    def accepted(self, intent: Intent, job_id: str) -> None:
        if intent.job_id != job_id:
            intent.job_id = job_id
            _intents().add(job_id, intent)

    def finish(self, intent: Intent, generation: Generation[Image]) -> None:
        self.spent += 0 if generation.replayed else generation.cost_usd
        intent.job_id = generation.id
        self.gallery = Gallery()
        _intents().add(generation.id, intent)
        self.show(Shown(intent.request, generation.without_bytes()))

    def fail(self, intent: Intent, error: ImagesError, charged: float | None = None) -> None:
        self.spent += charged or 0
        self._turn_to(None)
        self.failed = Failed(intent, error, charged)
        if intent.job_id is None or isinstance(error, NotFound):
            self._clear_address()

    def stopped(self, notice: str) -> None:
        self._turn_to(None)
        self.notice = notice
        self._clear_address()

    def show(self, shown: Shown) -> None:
        self._turn_to(None)
        self.shown = shown
        others = [each for each in self.history if each.generation.id != shown.generation.id]
        self.history = [shown, *others][:MAX_HISTORY]
        if self.address not in self._names():
            self._name(shown.generation.id)

    def request_of(self, generation_id: str) -> Request | None:
        """Return the request of a generation, if this studio still knows it."""
        intent = _intents().find(generation_id)
        return intent.request if intent else None

    def _names(self) -> set[str | None]:
        current = self.pending or (self.failed.intent if self.failed else None)
        if current:
            return current.names
        return _names_of(self.shown.generation.id) if self.shown else set()

    def _resume(self, name: str) -> None:
        """Resume the job, or the intent that the API has not accepted yet."""
        intent = _intents().find(name) or Intent(None, job_id=name)
        self.fill_in = intent.request
        self._turn_to(intent)

    def _turn_to(self, intent: Intent | None) -> None:
        self.pending, self.failed, self.shown, self.notice = intent, None, None, None
        self.waiting = Waiting(Progress("looking" if intent and intent.job_id else "sending", None, 0.0))

    def _remember(self, name: str, intent: Intent) -> None:
        """Put the intent into the page's address, so that a reload finds it."""
        _intents().add(name, intent)
        self._name(name)

    def _name(self, name: str) -> None:
        self.address = st.query_params["job"] = name

    def _clear_address(self) -> None:
        self.address = None
        st.query_params.pop("job", None)


def visit() -> Visit:
    if "visit" not in st.session_state:
        st.session_state.visit = Visit()
    found: Visit = st.session_state.visit
    return found


def images_again(shown: Shown, image: Picture) -> int:
    """Return how many images to request to get this one again: all, if it is not the first of its model call."""
    return len(shown.generation.places) if image.seed_index else 1


class Intents:
    """The intents of the newest jobs, for a day at most: the API never returns a prompt."""

    def __init__(self) -> None:
        self._intents: OrderedDict[str, Intent] = OrderedDict()
        self._lock = Lock()

    def add(self, name: str, intent: Intent) -> None:
        with self._lock:
            self._intents[name] = intent
            self._expire()

    def find(self, name: str) -> Intent | None:
        with self._lock:
            self._expire()
            return self._intents.get(name)

    def _expire(self) -> None:
        oldest = time.monotonic() - MAX_AGE_SECONDS
        for name in list(self._intents):
            if len(self._intents) <= MAX_INTENTS and self._intents[name].begun_at > oldest:
                break
            del self._intents[name]


@st.cache_resource
def _intents() -> Intents:
    return Intents()


def _names_of(generation_id: str) -> set[str | None]:
    intent = _intents().find(generation_id)
    return {generation_id} | (intent.names if intent else set())
