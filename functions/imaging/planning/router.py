"""Which models may answer a request and in which order, by what Bedrock answered and never by published dates."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from imaging.errors import ImagingError, ModelAccessDenied, ModelUnavailable
from imaging.models.catalog import Model
from imaging.planning.plan import Plan, plan, refusal
from imaging.planning.route import Route
from imaging.planning.shared_refusals import SharedRefusals
from imaging.requests.request import GenerationRequest

SKIP_SECONDS = 3600
"""How long a retired or denied model is not called."""


@dataclass
class Router:
    """The ordered list of each quality, every model, and this execution environment's memory of models that refused.

    Refusals are shared with the other environments for their health checks.
    """

    lists: Mapping[str, Sequence[Route]]
    models: Mapping[str, Model]
    shared: SharedRefusals
    clock: Callable[[], float] = time.monotonic
    _refused: dict[str, tuple[float, ImagingError]] = field(default_factory=dict)

    def plans(self, request: GenerationRequest, first_seed: int, only: str | None = None) -> Sequence[Plan]:
        """How each model that may answer would, in order, those included that cannot. `only` is the id of the model
        that made images of the same generation before. Raises InvalidRequest where none can."""
        routes = self._routes(request) if only is None else [self.route_to(only)]
        plans = [plan(route, request, first_seed) for route in routes]
        refused = [each for each in plans if each.refusal]
        if len(refused) == len(plans) and (ablest := max(refused, key=_text_characters)).refusal:
            raise ablest.refusal
        return plans

    def route_to(self, model_id: str) -> Route:
        """How the first list that names the model calls it; its own id where none does."""
        listed = (route for routes in self.lists.values() for route in routes if route.model.id == model_id)
        return next(listed, Route(self.models[model_id], model_id))

    def is_deterministic(self, request: GenerationRequest) -> bool:
        """Whether the same request makes the same images: its seed is fixed, for every model that may answer."""
        able = (route.model for route in self._routes(request) if refusal(route.model, request) is None)
        return request.seed is not None and request.seed not in {model.random_seed for model in able}

    def known_refusal(self, model: Model) -> ImagingError | None:
        """How the model refused within the last hour, if it did."""
        until, error = self._refused.get(model.id, (0.0, None))
        return error if self.clock() < until else None

    def remember(self, model: Model, error: ImagingError) -> None:
        """Skips the model for an hour, if it is retired or denied."""
        if isinstance(error, ModelUnavailable | ModelAccessDenied) and not error.may_pass:
            self._refused[model.id] = (self.clock() + SKIP_SECONDS, error)
            self.shared.add(model.id, error, SKIP_SECONDS)

    def forget(self, model: Model) -> None:
        """Stops skipping a model that has answered."""
        if self._refused.pop(model.id, None):
            self.shared.remove(model.id)

    @property
    def listed(self) -> Mapping[str, Model]:
        """Each model of the lists, by its id."""
        return {route.model.id: route.model for routes in self.lists.values() for route in routes}

    def _routes(self, request: GenerationRequest) -> Sequence[Route]:
        """The list of the quality, or only the model that the request names."""
        return self.lists[request.quality] if request.model is None else [self.route_to(request.model)]


def _text_characters(plan: Plan) -> int:
    return plan.route.model.text_characters
