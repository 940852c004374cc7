"""The use case: ask the models in order until one makes images, and tell the truth about each of them."""

import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aws_lambda_powertools.metrics import MetricUnit

from imaging import routing
from imaging.deadline import Deadline
from imaging.errors import ContentBlocked, ImagingError, StorageFailed, Throttled
from imaging.gallery import Gallery
from imaging.making import Invoke, Made, Maker
from imaging.models.catalog import Model
from imaging.order import Order
from imaging.planning import Plan, plan
from imaging.request import MAX_SEED, GenerationRequest
from imaging.result import Generation, GenerationWarning, ImageFacts, MissingImage, StoredImage
from imaging.routing import Route, Router
from imaging.spending import Bill
from observability import logger, metrics


@dataclass(frozen=True)
class Generator:
    """Makes images with what it is given: a way to call models, a place to keep images, and the lists of models."""

    invoke: Invoke
    gallery: Gallery
    router: Router
    home_region: str
    sleep: Callable[[float], None] = time.sleep

    def generate(
        self, order: Order, generation_id: uuid.UUID, deadline: Deadline, bill: Bill, resume_seconds: float = 0
    ) -> Generation:
        """Makes an order's images, at least one of them. Raises an ImagingError where there would be none.

        What may have been billed is added to the `bill`, also where there are none. Images that an attempt at the same
        generation left within the last `resume_seconds` are not made again.
        """
        request = order.request
        seed = _first_seed(request)
        maker = self._maker(order, generation_id, deadline, resume_seconds)
        passed_over: list[tuple[Model, ImagingError]] = []
        for route in self._worth_asking(request, passed_over):
            attempt = plan(route.model, request, seed)
            made = maker.make(route, attempt)
            bill.add(attempt.price_micros, sum(one.billed and not one.kept for one in made))
            error = _why_not(made, order)
            if error is None:
                self.router.forget(route.model)
                _count(made, passed_over)
                return _generation(maker.generation_id, attempt, made, passed_over)
            if not routing.falls_through(error, patient=order.patient):
                raise error
            self.router.remember(route.model, error)
            passed_over.append((route.model, error))
        raise routing.exhausted(passed_over)

    def left(
        self,
        order: Order,
        generation_id: uuid.UUID,
        deadline: Deadline,
        resume_seconds: float,
        why_no_more: ImagingError,
    ) -> Generation:
        """What an earlier attempt left, as it is. Raises `why_no_more` where it left nothing."""
        maker = self._maker(order, generation_id, deadline, resume_seconds)
        for route in self.router.routes(order.request):
            attempt = plan(route.model, order.request, _first_seed(order.request))
            made = maker.left(attempt, why_no_more)
            if any(one.kept for one in made):
                return _generation(generation_id, attempt, made, passed_over=())
        raise why_no_more

    def dearest(self, request: GenerationRequest) -> int:
        """Micro-dollars that the request may cost at most, whichever model answers."""
        prices = [plan(route.model, request, seed=0).price_micros for route in self.router.routes(request)]
        return max(prices) * request.number_of_images

    def dearest_left(self, order: Order, generation_id: uuid.UUID, deadline: Deadline, resume_seconds: float) -> int:
        """The same, less the images that an earlier attempt left."""
        maker = self._maker(order, generation_id, deadline, resume_seconds)
        plans = [plan(route.model, order.request, seed=0) for route in self.router.routes(order.request)]
        return max(attempt.price_micros * maker.missing(attempt) for attempt in plans)

    def _maker(self, order: Order, generation_id: uuid.UUID, deadline: Deadline, resume_seconds: float) -> Maker:
        return Maker(
            self.invoke,
            self.gallery,
            self.home_region,
            order.caller,
            generation_id,
            deadline,
            resume_seconds,
            self.sleep,
        )

    def repeats(self, request: GenerationRequest) -> bool:
        """Whether the same request makes the same images: its seed is fixed, for every model that may answer."""
        random_seeds = {route.model.random_seed for route in self.router.routes(request)}
        return request.seed is not None and request.seed not in random_seeds

    def _worth_asking(
        self, request: GenerationRequest, passed_over: list[tuple[Model, ImagingError]]
    ) -> Iterator[Route]:
        """The routes for a request, without those known to refuse, unless all are: then any may have come back."""
        routes = self.router.routes(request)
        refusals = [self.router.known_refusal(route.model) for route in routes]
        for route, refusal in zip(routes, refusals, strict=True):
            if refusal and not all(refusals):
                passed_over.append((route.model, refusal))
            else:
                yield route


def _first_seed(request: GenerationRequest) -> int:
    return secrets.randbelow(MAX_SEED) + 1 if request.seed is None else request.seed


def _why_not(made: Sequence[Made], order: Order) -> ImagingError | None:
    """Why this is no generation yet. For who is patient, because a model was throttled for some of the images, unless
    others that are missing would be paid again meanwhile; else, because there is none at all: the first cause after
    which no other model may be asked, else the first."""
    errors = [one.result for one in made if isinstance(one.result, ImagingError)]
    throttled = next((error for error in errors if isinstance(error, Throttled)), None)
    if throttled and order.patient and not order.last and not _would_be_paid_again(made):
        return throttled
    if len(errors) < len(made):
        return None
    return next((error for error in errors if not routing.falls_through(error, patient=order.patient)), errors[0])


def _would_be_paid_again(made: Sequence[Made]) -> bool:
    return any(one.billed and isinstance(one.result, ImagingError) for one in made)


def _generation(
    generation_id: uuid.UUID,
    attempt: Plan,
    made: Sequence[Made],
    passed_over: Sequence[tuple[Model, ImagingError]],
) -> Generation:
    return Generation(
        id=str(generation_id),
        model=attempt.model.id,
        cost_micros=attempt.price_micros * sum(_was_made(one) for one in made),
        images=[_facts(one) for one in made],
        warnings=[
            *(routing.fell_through(model, error) for model, error in passed_over),
            *attempt.warnings,
            *_enlarged(made),
            *_not_remembered(made),
        ],
    )


def _count(made: Sequence[Made], passed_over: Sequence[tuple[Model, ImagingError]]) -> None:
    stored = sum(isinstance(one.result, StoredImage) for one in made)
    metrics.add_metric(name="ImagesStored", unit=MetricUnit.Count, value=stored)
    for model, error in passed_over:
        metrics.add_metric(name="ModelFellThrough", unit=MetricUnit.Count, value=1)
        logger.warning("A model was passed over", model=model.id, code=error.code, aws_error=error.aws_error)


def _was_made(one: Made) -> bool:
    return isinstance(one.result, StoredImage | StorageFailed)


def _facts(one: Made) -> ImageFacts:
    if isinstance(one.result, StoredImage):
        return one.result
    status = "blocked" if isinstance(one.result, ContentBlocked) else "failed"
    return MissingImage(status=status, reason=one.result.detail, seed=one.slot.seed, seed_index=one.slot.seed_index)


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


def _not_remembered(made: Sequence[Made]) -> Iterator[GenerationWarning]:
    if not all(one.noted for one in made):
        yield GenerationWarning(
            code="not_remembered",
            field=None,
            detail="The images are stored but could not be noted: presigned links work, lasting ones do not.",
        )
