"""Runs an attempt: calls the models in order until one makes images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_lambda_powertools.metrics import MetricUnit

from imaging.errors import ImagingError
from imaging.making.model_run import ModelRunner
from imaging.making.outcome import ImageOutcome, Outcome, was_stored
from imaging.models.catalog import Model
from imaging.planning.fallback import Fallback, exhausted, falls_back, why_unfinished
from imaging.planning.plan import Plan
from imaging.planning.router import Router
from imaging.records.attempt import Attempt
from imaging.requests.result import StoredImage
from observability import logger, metrics


@dataclass(frozen=True)
class Generator:
    """Calls the models in the order of the plans."""

    runner: ModelRunner
    router: Router

    def generate(self, attempt: Attempt) -> Outcome:
        """Makes the attempt's images; falls back to the next model if the cause is a model."""
        fallbacks: list[Fallback] = []
        made: list[ImageOutcome] = []
        record = attempt.record
        for chosen in self._candidates(attempt.plans, fallbacks):
            made = self.runner.run(attempt, chosen)
            has_images = any(map(was_stored, made))
            errors = [one.error for one in made if one.error]
            error = why_unfinished(errors, has_images=has_images, waits_on_throttling=record.is_job)
            if error is None or has_images or not falls_back(error, waits_on_throttling=record.is_job):
                outcome = Outcome(record, chosen, made, tuple(fallbacks), error)
                self._count(outcome)
                return outcome
            self.router.remember(chosen.route.model, error)
            fallbacks.append(Fallback(chosen.route.model, error))
        return Outcome(record, attempt.plans[-1], made, fallbacks, exhausted(fallbacks))

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
