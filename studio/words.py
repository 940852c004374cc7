"""Explains errors to people; the API's own text stays under "Details"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from text_to_image import errors
from text_to_image.errors import ImagesError

FIELDS = {
    "text": "Prompt",
    "width": "Width",
    "height": "Height",
    "number_of_images": "Number of images",
    "cfg_scale": "How closely to follow the prompt",
    "seed": "Seed",
    "quality": "Quality",
    "negative_text": "What to leave out",
    "model": "Model",
}


@dataclass(frozen=True)
class Explanation:
    title: str
    advice: str
    details: str


Message = tuple[str, str]

_MESSAGES: Mapping[type[ImagesError], Message] = {
    errors.ContentBlocked: (
        "The model's content filter refused this prompt",
        "Say it in other words, or try another seed.",
    ),
    errors.BudgetExhausted: (
        "This month's budget does not cover these images",
        (
            "Nothing was made or charged. Ask for fewer images, wait for next month, or ask whoever runs the API for a "
            "higher budget."
        ),
    ),
    errors.Unauthorized: (
        "The API does not accept the studio's key",
        "Nothing was made or charged. Whoever runs the studio has to give it a valid key; then try again.",
    ),
    errors.KeyReused: (
        "The API has mistaken this request for another one",
        "Generate once more: that sends it anew. Nothing was charged.",
    ),
    errors.NotFound: (
        "These images are not known here",
        "They were made with another key, or their time is over. What this key made is under “Your images”.",
    ),
    errors.NotConfigured: (
        "The studio does not know where the API is, or has no key for it",
        "Whoever runs the studio has to tell it; the details say how.",
    ),
    errors.Cancelled: ("Stopped before it made an image", "Nothing was charged."),
    errors.Throttled: (
        "The API has too much to do right now",
        "Nothing was charged. Wait a little, then try again.",
    ),
    errors.InProgress: ("The same request is still being worked on", "Try again in a moment to see its images."),
    errors.ModelError: ("The model could not make a picture of this", "Try again, or try another seed."),
    errors.ModelUnavailable: (
        "The model is not available right now",
        "Choose another model under “More settings”, or try again later.",
    ),
    errors.ServiceFailed: (
        "The service has a fault right now",
        "Try again in a moment; an image that exists already is never charged again.",
    ),
    errors.TimedOut: ("The model took too long", "Ask for fewer images, or try again."),
    errors.TookTooLong: (
        "It takes longer than usual",
        "The work goes on, also while this page is closed. The images will be under “Your images”.",
    ),
    errors.Unreachable: (
        "The API cannot be reached",
        (
            "Try again in a moment; an image that exists already is never charged again. If it stays away, tell "
            "whoever runs it."
        ),
    ),
    errors.Silent: (
        "The API does not answer in time",
        "Try again in a moment; an image that exists already is never charged again.",
    ),
    errors.OperatorMustAct: (
        "The API may not use the model",
        "Only whoever runs the API can change that; the details tell them how.",
    ),
}
_UNKNOWN: Message = (
    "Something went wrong in the service",
    "Try again. If it happens once more, give the details to whoever runs the API.",
)
# While a job runs the same errors mean something else: its work continues.
_JOB_MESSAGES: Mapping[type[ImagesError], Message] = {
    errors.Unreachable: (
        "The API went away while the images were being made",
        (
            "Nothing is lost: the work goes on there, and is not charged twice. Look again in a moment, or find the "
            "images under “Your images” later."
        ),
    ),
    errors.Unauthorized: (
        "The API no longer accepts the studio's key",
        (
            "The key was changed or taken away while the images were being made. What it has paid for stays with it: "
            "once the studio has the key back, look again."
        ),
    ),
}


def explain(error: ImagesError, *, job_is_known: bool = False) -> Explanation:
    under_way = job_is_known and not error.job_is_over
    title, advice = (_find(_JOB_MESSAGES, error) if under_way else None) or _find(_MESSAGES, error) or _UNKNOWN
    if isinstance(error, errors.InvalidRequest):
        title, advice = "These settings were refused", _fields(error)
    if error.retry_after:
        advice = f"{advice} It asks for {error.retry_after:.0f} s of patience."
    return Explanation(title, advice, _details(error))


def _find(messages: Mapping[type[ImagesError], Message], error: ImagesError) -> Message | None:
    return next((messages[kind] for kind in type(error).__mro__ if kind in messages), None)


def _fields(error: ImagesError) -> str:
    fields = "; ".join(f"{FIELDS.get(name, name)}: {message}" for name, message in error.errors)
    return f"{fields or 'Shorten the prompt, or choose another size'}. Nothing was made or charged."


def _details(error: ImagesError) -> str:
    lines = [f"{error.code}{f' ({error.status})' if error.status else ''}: {error.detail}"]
    if error.remedy:
        lines.append(error.remedy)
    if error.request_id:
        lines.append(f"Request id {error.request_id}")
    return "\n".join(lines)


_WARNINGS: Mapping[str, str] = {
    "model_fell_through": "The first model was not available, so {model} made this.",
    "quality_ignored": "{model} has one quality only.",
    "seed_random": "The model took this seed to mean a random one; each image shows the seed it used.",
    "cfg_scale_ignored": "{model} has no setting for how closely to follow the prompt.",
    "cfg_scale_clamped": "{model} follows the prompt less or more closely than asked, to its limit.",
    "enlarged": "The model made smaller images, which were enlarged to the size asked for.",
    "not_remembered": "The images could not be noted, so they may be missing under “Your images”. Save them.",
}


def of_warning(code: str, model: str) -> str:
    return _WARNINGS.get(code, "Something was done otherwise than asked.").format(model=model)
