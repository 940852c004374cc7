"""The states of a generation, in words."""

from __future__ import annotations

from collections.abc import Mapping

from text_to_image.following import Progress

STATES: Mapping[str, str] = {
    "looking": "Looking for the images",
    "sending": "Sending the prompt",
    "queued": "In the queue",
    "running": "Making the images",
    "downloading": "Fetching the images",
    "waiting": "The API is busy or away; asking again",
}
_WAITS: Mapping[str, tuple[str, str]] = {
    "throttled": ("Waiting for the model", "The model has no room right now."),
    "model_unavailable": ("Waiting for the model", "The model is not available right now."),
    "budget_exhausted": ("Waiting for the budget", "Other images hold what is left of this month's budget."),
}
_OTHER_WAIT = ("Waiting for another try", "A try did not succeed.")


def state_of(progress: Progress) -> str:
    """Return a short description of the state."""
    if progress.waiting:
        return _WAITS.get(progress.waiting.code, _OTHER_WAIT)[0]
    return STATES.get(progress.state, progress.state)


def reason(progress: Progress) -> str:
    """Return why it waits in the queue, or nothing."""
    if progress.state != "queued":
        return ""
    if progress.waiting:
        return _WAITS.get(progress.waiting.code, _OTHER_WAIT)[1]
    return "The model had no room before; it is tried again." if progress.attempts else ""


def duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(images: int) -> str:
    return f"{images} image{'' if images == 1 else 's'}"
