"""When the next model is called in place of one that refused, and what the caller learns of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imaging.errors import ImagingError, ModelAccessDenied, ModelFailure, ModelUnavailable, Throttled
from imaging.models.catalog import Model
from imaging.requests.result import GenerationWarning


@dataclass(frozen=True)
class Fallback:
    """The model that was replaced by the next one, and why. `is_fresh` is false where it was not called: it refused
    within the last hour, or cannot make what the request asks for."""

    model: Model
    error: ImagingError
    is_fresh: bool = True

    def warning(self) -> GenerationWarning:
        return GenerationWarning(
            code="model_fell_through",
            field="model",
            detail=f"Fell back from {self.model.id} ({self.error.code}): {self.error.detail}",
        )


def falls_back(error: ImagingError, *, waits_on_throttling: bool) -> bool:
    """Whether the next model is called: nothing was billed, and the cause is this model or the access to it.

    A job waits for a throttled model instead of paying another one's price.
    """
    if isinstance(error, Throttled):
        return not waits_on_throttling
    return isinstance(error, ModelUnavailable | ModelAccessDenied)


def why_unfinished(
    errors: Sequence[ImagingError], *, has_images: bool, waits_on_throttling: bool
) -> ImagingError | None:
    """The error that ends an attempt with one model, or None. Jobs wait if throttled; else some images are enough.

    Without any image: the first error after which no fallback is allowed, else the first error.
    """
    throttled = next((error for error in errors if isinstance(error, Throttled)), None)
    if throttled and waits_on_throttling:
        return throttled
    if has_images:
        return None
    final = (error for error in errors if not falls_back(error, waits_on_throttling=waits_on_throttling))
    return next(final, errors[0])


def exhausted(fallbacks: Sequence[Fallback]) -> ImagingError:
    """The error to answer with when no listed model made an image: one that may pass, else one that an operator can
    fix, else the last."""
    chosen = next(_by_urgency([fallback.error for fallback in fallbacks]))
    return chosen.after([ModelFailure(fallback.model.id, fallback.error.code) for fallback in fallbacks])


def _by_urgency(errors: Sequence[ImagingError]) -> Iterator[ImagingError]:
    yield from (error for error in errors if error.may_pass)
    yield from (error for error in errors if isinstance(error, ModelAccessDenied))
    yield from reversed(errors)
