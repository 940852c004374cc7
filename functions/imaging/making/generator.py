"""An attempt at a generation: ask the models in order until one makes images, and tell the truth about each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from aws_lambda_powertools.metrics import MetricUnit

from aws.table import Put
from imaging.errors import ContentBlocked, ImagingError, StorageFailed, Throttled
from imaging.making.maker import Made, Maker
from imaging.models.catalog import Model
from imaging.planning import routing
from imaging.planning.plan import plan
from imaging.planning.routing import Fallback, Route, Router
from imaging.records.attempt import Attempt, RoutePlan
from imaging.records.record import GenerationRecord
from imaging.requests.request import GenerationRequest
from imaging.requests.result import DeletedImage, Generation, GenerationWarning, ImageFacts, StoredImage
from observability import logger, metrics


@dataclass(frozen=True)
class Outcome:
    """What an attempt brought. `error` is why the generation is not finished by it, or None; after a bug nobody knows
    what was billed."""

    chosen: RoutePlan
    made: Sequence[Made]
    fallbacks: Sequence[Fallback]
    error: ImagingError | None
    is_bug: bool = False

    @cached_property
    def has_images(self) -> bool:
        """Whether some image was made, by this attempt or before."""
        return any(_was_stored(one) for one in self.made)

    @property
    def was_paid(self) -> bool:
        """Whether a picture was paid for and is lost."""
        return any(one.error is not None and one.error.was_paid for one in self.made)

    @property
    def notes(self) -> list[Put]:
        """The writes of image records that the table refused."""
        return [one.note for one in self.made if one.note is not None]

    def generation(self, record: GenerationRecord) -> Generation:
        """The images as they are, with an entry for each that was asked for."""
        return Generation(
            id=record.id,
            model=self.chosen.route.model_id,
            cost_micros=self.chosen.plan.price_micros * sum(_was_made(one) for one in self.made),
            images=[one.facts for one in self.made],
            warnings=self.warnings(record),
        )

    def warnings(self, record: GenerationRecord) -> list[GenerationWarning]:
        """What this attempt and those before it did otherwise than asked."""
        found = [
            *record.warnings,
            *(fallback.warning() for fallback in self.fallbacks),
            *self.chosen.plan.warnings,
            *_enlarged(self.made),
        ]
        return list(dict.fromkeys(found))

    def settled(self) -> Mapping[int, ImageFacts]:
        """What the next attempt must not ask for again: images that are there, and those that were paid for and will
        not come."""
        return {one.slot.index: one.facts for one in self.made if _is_settled(one, also_failed=self.has_images)}


@dataclass(frozen=True)
class Generator:
    """Asks the models of the lists in their order."""

    maker: Maker
    router: Router

    def generate(self, attempt: Attempt) -> Outcome:
        """Makes the attempt's images, as far as the models go along."""
        fallbacks = list(self.router.passed_over(attempt.request))
        made: list[Made] = []
        for chosen in self._worth_asking(attempt.plans, fallbacks):
            made = self.maker.make(attempt, chosen)
            outcome = Outcome(chosen, made, tuple(fallbacks), _why_unfinished(made, attempt))
            error = outcome.error
            if error is None or outcome.has_images or not routing.falls_back(error, attempt.waits_on_throttling):
                self._count(outcome)
                return outcome
            self.router.remember(chosen.route.model, error)
            fallbacks.append(Fallback(chosen.route.model, error))
        return Outcome(attempt.plans[-1], made, fallbacks, routing.exhausted(fallbacks))

    def plans(self, request: GenerationRequest, first_seed: int, model: str | None = None) -> Sequence[RoutePlan]:
        """How each model that may answer would; `model` is the one that has made images of the generation already."""
        routes = self.router.routes(request)
        if model is not None:
            routes = [route for route in routes if route.model_id == model] or [Route.parse(model)]
        return [RoutePlan(route, plan(route.model, request, first_seed)) for route in routes]

    def is_deterministic(self, request: GenerationRequest) -> bool:
        """Whether the same request makes the same images: its seed is fixed, for every model that may answer."""
        random_seeds = {route.model.random_seed for route in self.router.routes(request)}
        return request.seed is not None and request.seed not in random_seeds

    def _worth_asking(self, plans: Sequence[RoutePlan], fallbacks: list[Fallback]) -> Iterator[RoutePlan]:
        """The plans without those of models known to refuse, unless all are: then any may have come back."""
        refusals = [self.router.known_refusal(each.route.model) for each in plans]
        for each, refusal in zip(plans, refusals, strict=True):
            if refusal and not all(refusals):
                fallbacks.append(Fallback(each.route.model, refusal, is_fresh=False))
            else:
                yield each

    def _count(self, outcome: Outcome) -> None:
        if outcome.has_images:
            self.router.forget(outcome.chosen.route.model)
        stored = sum(isinstance(one.result, StoredImage) for one in outcome.made)
        metrics.add_metric(name="ImagesStored", unit=MetricUnit.Count, value=stored)
        for fallback in outcome.fallbacks:
            _count_fallback(fallback.model, fallback.error, is_fresh=fallback.is_fresh)


def _count_fallback(model: Model, error: ImagingError, *, is_fresh: bool) -> None:
    if is_fresh:
        metrics.add_metric(name="ModelFellThrough", unit=MetricUnit.Count, value=1)
        logger.warning("A model was passed over", model=model.id, code=error.code, aws_error=error.aws_error)


def _why_unfinished(made: Sequence[Made], attempt: Attempt) -> ImagingError | None:
    """The error that ends this attempt, or None. Jobs wait if throttled; else some images are enough.

    Without any image: the first cause after which no other model may be asked, else the first.
    """
    errors = [one.error for one in made if one.error]
    throttled = next((error for error in errors if isinstance(error, Throttled)), None)
    if throttled and attempt.waits_on_throttling:
        return throttled
    if any(_was_stored(one) for one in made):
        return None
    return next(
        (error for error in errors if not routing.falls_back(error, attempt.waits_on_throttling)),
        errors[0],
    )


def _was_stored(one: Made) -> bool:
    return isinstance(one.result, StoredImage | DeletedImage)


def _was_made(one: Made) -> bool:
    return _was_stored(one) or isinstance(one.result, StorageFailed)


def _is_settled(one: Made, *, also_failed: bool) -> bool:
    if one.error is None:
        return True
    return one.may_be_billed and (also_failed or isinstance(one.error, ContentBlocked | StorageFailed))


def _enlarged(made: Sequence[Made]) -> Iterator[GenerationWarning]:
    for one in made:
        image = one.result
        if isinstance(image, StoredImage) and image.enlarged:
            yield GenerationWarning(
                code="enlarged",
                field="width" if image.native_width < image.width else "height",
                detail=f"The model made {image.native_width}x{image.native_height} pixels, which were enlarged to "
                f"{image.width}x{image.height}.",
            )
            return
