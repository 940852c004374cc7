"""Which model is asked next, by what Bedrock answered and never by dates, and which are known to refuse."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imaging.errors import (
    FieldError,
    ImagingError,
    InvalidRequest,
    ModelAccessDenied,
    ModelFailure,
    ModelUnavailable,
    Throttled,
)
from imaging.models import catalog
from imaging.models.catalog import Model
from imaging.planning.shared_refusals import SharedRefusals
from imaging.requests.request import GenerationRequest
from imaging.requests.result import GenerationWarning

SKIP_SECONDS = 3600

_PROFILE = re.compile(r"arn:[\w-]+:bedrock:[\w-]+:\d{12}:(application-)?inference-profile/\S+")

Clock = Callable[[], float]


@dataclass(frozen=True)
class Route:
    """A model, and what to call it by: its own id, or the ARN of an application inference profile that copies it."""

    model_id: str
    invoke_as: str

    @property
    def model(self) -> Model:
        return catalog.find(self.model_id)

    @classmethod
    def parse(cls, entry: str) -> "Route":
        """A list entry, `<catalog id>` or `<catalog id>@<ARN>`. Raises ValueError."""
        name, at, arn = entry.strip().partition("@")
        try:
            model = catalog.find(name)
        except KeyError:
            raise ValueError(f"{name!r} is no model; there are {', '.join(catalog.MODELS)}") from None
        if at and not _PROFILE.fullmatch(arn):
            raise ValueError(f"{arn!r} is no inference profile's ARN; write <model id>@<ARN>")
        return cls(model.id, arn or model.id)

    def region(self, home: str) -> str:
        """Where to call it: a profile where it was made, a model near home."""
        return self.invoke_as.split(":")[3] if self.invoke_as.startswith("arn:") else self.model.region_near(home)


@dataclass
class Router:
    """The ordered lists per quality, and this execution environment's memory of models that refused, which it shares
    with the others for their health checks."""

    lists: Mapping[str, Sequence[Route]]
    shared: SharedRefusals
    clock: Clock = time.monotonic
    _refused: dict[str, tuple[float, ImagingError]] = field(default_factory=dict)

    def routes(self, request: GenerationRequest) -> Sequence[Route]:
        """What to try, in order; a model asked for by name is the only one, called the way a list says, if one does.
        Raises InvalidRequest for a text that is too long for each of them."""
        candidates = self._candidates(request)
        able = [route for route in candidates if not _too_long(route.model, request)]
        if not able:
            raise _text_too_long(max((route.model for route in candidates), key=_text_characters), request)
        return able

    def passed_over(self, request: GenerationRequest) -> "Sequence[Fallback]":
        """The models that would have come first, but take no text as long as this."""
        too_short = (route.model for route in self._candidates(request) if _too_long(route.model, request))
        return [Fallback(model, _text_too_long(model, request), is_fresh=False) for model in too_short]

    def _candidates(self, request: GenerationRequest) -> Sequence[Route]:
        if request.model is None:
            return self.lists[request.quality]
        listed = (route for routes in self.lists.values() for route in routes)
        return [next((route for route in listed if route.model_id == request.model), Route.parse(request.model))]

    def known_refusal(self, model: Model) -> ImagingError | None:
        """How the model refused within the last hour, if it did."""
        until, error = self._refused.get(model.id, (0.0, None))
        return error if self.clock() < until else None

    def remember(self, model: Model, error: ImagingError) -> None:
        """Notes a refusal that lasts: retired, or denied."""
        if isinstance(error, ModelUnavailable | ModelAccessDenied) and not error.may_pass:
            self._refused[model.id] = (self.clock() + SKIP_SECONDS, error)
            self.shared.add(model.id, error, SKIP_SECONDS)

    def forget(self, model: Model) -> None:
        if self._refused.pop(model.id, None):
            self.shared.remove(model.id)

    @property
    def listed(self) -> Mapping[str, Model]:
        """Each model of the lists, by its id."""
        return {route.model_id: route.model for routes in self.lists.values() for route in routes}


@dataclass(frozen=True)
class Fallback:
    """A model in whose place the next was asked, and why. `is_fresh` is false for a refusal that was remembered."""

    model: Model
    error: ImagingError
    is_fresh: bool = True

    def warning(self) -> GenerationWarning:
        return GenerationWarning(
            code="model_fell_through",
            field="model",
            detail=f"{self.model.id} was passed over ({self.error.code}): {self.error.detail}",
        )


def _text_characters(model: Model) -> int:
    return model.text_characters


def _too_long(model: Model, request: GenerationRequest) -> bool:
    return len(getattr(request, request.longest_text)) > model.text_characters


def _text_too_long(model: Model, request: GenerationRequest) -> InvalidRequest:
    rule = f"{model.id} takes at most {model.text_characters} characters"
    return InvalidRequest(
        f"The text is too long: {rule}. Shorten it, or ask for a model that takes more.",
        fields=[FieldError(request.longest_text, rule)],
    )


def falls_back(error: ImagingError, waits_on_throttling: bool) -> bool:  # noqa: FBT001 - both calls name it
    """Whether the next model is asked: nothing was billed, and the cause lies with this model or the access to it.

    A job waits for a throttled model, instead of paying another one's price.
    """
    if isinstance(error, Throttled):
        return not waits_on_throttling
    return isinstance(error, ModelUnavailable | ModelAccessDenied)


def exhausted(fallbacks: Sequence[Fallback]) -> ImagingError:
    """The one error to answer with when no listed model made an image: a cause that may pass, else one that an
    operator can mend, else the last."""
    chosen = next(_by_urgency([fallback.error for fallback in fallbacks]))
    return chosen.after([ModelFailure(fallback.model.id, fallback.error.code) for fallback in fallbacks])


def _by_urgency(errors: Sequence[ImagingError]) -> Iterator[ImagingError]:
    yield from (error for error in errors if error.may_pass)
    yield from (error for error in errors if isinstance(error, ModelAccessDenied))
    yield from reversed(errors)
