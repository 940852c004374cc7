"""Progress messages for the developer."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

PATIENCE_SECONDS = 15


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    say(f"{what} …")
    started = time.monotonic()
    with _reminders(what):
        yield
    say(f"    done in {time.monotonic() - started:.1f} s")


@contextmanager
def _reminders(what: str) -> Iterator[None]:
    over = Event()
    reminder = Thread(target=_remind, args=(what, over), daemon=True)
    reminder.start()
    try:
        yield
    finally:
        over.set()
        reminder.join()


def _remind(what: str, over: Event) -> None:
    waited = 0
    while not over.wait(PATIENCE_SECONDS):
        waited += PATIENCE_SECONDS
        say(f"    {what.lower()}: {waited} s so far")
