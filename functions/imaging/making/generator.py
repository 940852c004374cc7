"""Runs an attempt: calls the models in order until one makes images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from aws_lambda_powertools.metrics import MetricUnit

from aws.table import Put
from imaging.errors import ContentBlocked, ImagingError, StorageFailed, Throttled
from imaging.making.model_run import ImageOutcome, ModelRunner
from imaging.models.catalog import Model
from imaging.planning.fallback import Fallback, exhausted, falls_back
from imaging.planning.plan import Plan
from imaging.planning.router import Router
from imaging.records.attempt import Attempt
from imaging.records.record import GenerationRecord
from imaging.requests.result import DeletedImage, Generation, GenerationWarning, ImageFacts, StoredImage
from observability import logger, metrics


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt. `error` is why the attempt did not finish the generation, or None. After a bug it is
    unknown what was billed."""

    chosen: Plan
    made: Sequence[ImageOutcome]
    fallbacks: Sequence[Fallback]
    error: ImagingError | None
    is_bug: bool = False

    @cached_property
    def has_images(self) -> bool:
        """Whether this or an earlier attempt made an image."""
        return any(_was_stored(one) for one in self.made)

    @property
    def was_paid(self) -> bool:
        """Whether an image was paid for and is lost."""
        return any(one.error is not None and one.error.was_paid for one in self.made)

    @property
    def notes(self) -> list[Put]:
        """The image records that the table refused."""
        return [one.note for one in self.made if one.note is not None]

    def generation(self, record: GenerationRecord) -> Generation:
        """The result, with an entry for each requested image."""
        return Generation(
            id=record.id,
            model=self.chosen.route.model.id,
            cost_micros=self.chosen.price_micros * sum(_was_made(one) for one in self.made),
            images=[one.facts for one in self.made],
            warnings=self.warnings(record),
        )

    def warnings(self, record: GenerationRecord) -> list[GenerationWarning]:
        """The adjustments of this and earlier attempts."""
        found = [
            *record.warnings,
            *(fallback.warning() for fallback in self.fallbacks),
            *self.chosen.warnings,
            *_enlarged(self.made),
            *_unsigned(self.made),
        ]
        return list(dict.fromkeys(found))

    def settled(self) -> Mapping[int, ImageFacts]:
        """What later attempts must not generate again, by index: stored images, and images that were paid for and are
        lost."""
        return {one.slot.index: one.facts for one in self.made if _is_settled(one, also_failed=self.has_images)}


@dataclass(frozen=True)
class Generator:
    """Calls the models in the order of the plans."""

    runner: ModelRunner
    router: Router

    def generate(self, attempt: Attempt) -> Outcome:
        """Makes the attempt's images; falls back to the next model if the cause is a model."""
        fallbacks: list[Fallback] = []
        made: list[ImageOutcome] = []
        for chosen in self._candidates(attempt.plans, fallbacks):
            made = self.runner.run(attempt, chosen)
            outcome = Outcome(chosen, made, tuple(fallbacks), _why_unfinished(made, attempt))
            error = outcome.error
            if error is None or outcome.has_images or not _falls_back(error, attempt):
                self._count(outcome)
                return outcome
            self.router.remember(chosen.route.model, error)
            fallbacks.append(Fallback(chosen.route.model, error))
        return Outcome(attempt.plans[-1], made, fallbacks, exhausted(fallbacks))

    def _candidates(self, plans: Sequence[Plan], fallbacks: list[Fallback]) -> Iterator[Plan]:
        """The plans of models that can make the images and are not known to refuse; if all are, each is tried again."""
        able = [each for each in plans if each.refusal is None]
        are_all_known = all(self.router.known_refusal(each.route.model) for each in able)
        for each in plans:
            known = None if are_all_known else self.router.known_refusal(each.route.model)
            if refusal := each.refusal or known:
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
        metrics.add_metric(name="ModelFallback", unit=MetricUnit.Count, value=1)
        logger.warning("Fell back to the next model", model=model.id, code=error.code, aws_error=error.aws_error)


def _falls_back(error: ImagingError, attempt: Attempt) -> bool:
    return falls_back(error, waits_on_throttling=attempt.record.is_job)


def _why_unfinished(made: Sequence[ImageOutcome], attempt: Attempt) -> ImagingError | None:
    """The error that ends this attempt, or None. Jobs wait if throttled; else some images are enough.

    Without any image: the first error after which no fallback is allowed, else the first error.
    """
    errors = [one.error for one in made if one.error]
    throttled = next((error for error in errors if isinstance(error, Throttled)), None)
    if throttled and attempt.record.is_job:
        return throttled
    if any(_was_stored(one) for one in made):
        return None
    return next(
        (error for error in errors if not _falls_back(error, attempt)),
        errors[0],
    )


def _was_stored(one: ImageOutcome) -> bool:
    return isinstance(one.result, StoredImage | DeletedImage)


def _was_made(one: ImageOutcome) -> bool:
    return _was_stored(one) or isinstance(one.result, StorageFailed)


def _is_settled(one: ImageOutcome, *, also_failed: bool) -> bool:
    if one.error is None:
        return True
    return one.may_be_billed and (also_failed or isinstance(one.error, ContentBlocked | StorageFailed))


def _unsigned(made: Sequence[ImageOutcome]) -> Iterator[GenerationWarning]:
    if any(one.is_unsigned for one in made):
        yield GenerationWarning(
            code="not_signed",
            field=None,
            detail="An image could not be signed, so it does not carry the operator's signature. The operator must "
            "check the signing key, its certificates and the functions' roles.",
        )


def _enlarged(made: Sequence[ImageOutcome]) -> Iterator[GenerationWarning]:
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
