"""What the page remembers: of this visit in its session, and of each job for whoever reloads the page."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import streamlit as st

from studio.client import Progress
from studio.errors import ImagesError, NotFound
from studio.results import Generation, Image, ListedPicture, Picture, Usage

INTENTS_REMEMBERED = 500
SECONDS_REMEMBERED = 24 * 60 * 60
SHOWN_REMEMBERED = 24

Request = dict[str, Any]


@dataclass
class Intent:
    """One click. The key stays the same however often it is sent; `job_id` is known once the API has answered."""

    request: Request | None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    job_id: str | None = None
    begun_at: float = field(default_factory=time.monotonic)
    before: Usage | None = None
    """The month before it was sent, which tells what a failure has cost."""

    @property
    def names(self) -> set[str | None]:
        """What the page's address may call it."""
        return {self.key, self.job_id} - {None}


@dataclass
class Waiting:
    """How the pending intent is doing. `made` are the images that are there; `silent_since` is when the API fell
    silent; `is_stopping` once somebody asked for that."""

    progress: Progress
    made: dict[int, Image] = field(default_factory=dict)
    silent_since: float | None = None
    next_look: float = 0.0
    is_stopping: bool = False


@dataclass(frozen=True)
class Shown:
    request: Request | None
    generation: Generation[Picture]
    made_at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Failed:
    """`charged` is what it cost all the same, as far as that is known."""

    intent: Intent
    error: ImagesError
    charged: float | None = None
    token: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Gallery:
    """The pages that were asked for so far; None before the first."""

    pictures: list[ListedPicture] | None = None
    next_cursor: str | None = None
    trouble: ImagesError | None = None
    asked_at: float = 0.0


@dataclass
class Visit:
    pending: Intent | None = None
    waiting: Waiting | None = None
    failed: Failed | None = None
    shown: Shown | None = None
    notice: str | None = None
    fill_in: Request | None = None
    """What the widgets are to say from the next run on."""
    address: str | None = None
    """The job that the page's address names, as this visit knows it."""
    spent: float = 0.0
    whole_page: bool = False
    """Whether this run draws the whole page, and not only what is going on."""
    gallery: Gallery = field(default_factory=Gallery)
    history: list[Shown] = field(default_factory=list)

    def follow(self, name: str | None) -> None:
        """The page's address was reloaded, opened, or gone back to."""
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
        """A second click on the same thing is the same intent."""
        if self.pending and self.pending.request == request:
            return
        intent = Intent(request)
        self._turn_to(intent)
        self._found_by(intent.key, intent)

    def retry(self) -> None:
        """The same intent again; a job that has failed is over, so it takes a new one."""
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
            _intents().keep(job_id, intent)

    def finish(self, intent: Intent, generation: Generation[Image]) -> None:
        self.spent += 0 if generation.replayed else generation.cost_usd
        intent.job_id = generation.id
        _intents().keep(generation.id, intent)
        self.show(Shown(intent.request, generation.without_bytes()))
        self.gallery = Gallery()

    def fail(self, intent: Intent, error: ImagesError, charged: float | None = None) -> None:
        self.spent += charged or 0
        self._turn_to(None)
        self.failed = Failed(intent, error, charged)
        if intent.job_id is None or isinstance(error, NotFound):
            self._leave_address()

    def stopped(self, notice: str) -> None:
        self._turn_to(None)
        self.notice = notice
        self._leave_address()

    def show(self, shown: Shown) -> None:
        self._turn_to(None)
        self.shown = shown
        others = [each for each in self.history if each.generation.id != shown.generation.id]
        self.history = [shown, *others][:SHOWN_REMEMBERED]
        if self.address not in self._names():
            self._name(shown.generation.id)

    def request_of(self, generation_id: str) -> Request | None:
        """What was asked for, where this studio still knows it."""
        intent = _intents().find(generation_id)
        return intent.request if intent else None

    def _names(self) -> set[str | None]:
        current = self.pending or (self.failed.intent if self.failed else None)
        if current:
            return current.names
        return _names_of(self.shown.generation.id) if self.shown else set()

    def _resume(self, name: str) -> None:
        """The address names the job, or the intent where the API has not accepted it yet."""
        intent = _intents().find(name) or Intent(None, job_id=name)
        self.fill_in = intent.request
        self._turn_to(intent)

    def _turn_to(self, intent: Intent | None) -> None:
        self.pending, self.failed, self.shown, self.notice = intent, None, None, None
        self.waiting = Waiting(Progress("looking" if intent and intent.job_id else "sending", None, 0.0))

    def _found_by(self, name: str, intent: Intent) -> None:
        """From here on a reload finds the intent by the page's address."""
        _intents().keep(name, intent)
        self._name(name)

    def _name(self, name: str) -> None:
        self.address = st.query_params["job"] = name

    def _leave_address(self) -> None:
        self.address = None
        st.query_params.pop("job", None)


def visit() -> Visit:
    if "visit" not in st.session_state:
        st.session_state.visit = Visit()
    found: Visit = st.session_state.visit
    return found


def images_again(shown: Shown, image: Picture) -> int:
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


def _names_of(generation_id: str) -> set[str | None]:
    intent = _intents().find(generation_id)
    return {generation_id} | (intent.names if intent else set())
