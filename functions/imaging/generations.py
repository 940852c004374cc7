"""Never pays twice: the same submission begins, waits for, resumes or replays one generation."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aws.queue import QueueError
from imaging.announcing import Announcer
from imaging.deadline import Deadline
from imaging.errors import (
    BudgetExhausted,
    DependencyUnavailable,
    ImagingError,
    InProgress,
    InternalError,
    KeyReused,
    NotCancellable,
    NotFound,
    StorageFailed,
)
from imaging.images.gallery import Gallery
from imaging.making.generator import Generator, Outcome
from imaging.making.model_run import ImageOutcome
from imaging.planning.plan import Slot, max_price
from imaging.planning.router import Router
from imaging.records.attempt import Attempt
from imaging.records.record import Failure, GenerationRecord
from imaging.records.store import Changed, GenerationStore
from imaging.requests.result import Generation, GenerationWarning, MissingImage, StoredImage
from imaging.requests.submission import Submission
from observability import log_bug, log_outcome, logger

POLL_SECONDS = 0.5

FAILURE_SECONDS = 60
"""How long a failure that was billed answers the same request."""


@dataclass(frozen=True)
class Delivery:
    generation: Generation
    replayed: bool


class Sender(Protocol):
    """Raises QueueError."""

    def send(self, text: str) -> None: ...


Step = Literal["begin", "wait", "replay"]


@dataclass(frozen=True)
class Generations:
    """Everything that a caller can do with generations. `keyless_seconds` is for how long a finished generation answers
    the same request without a key."""

    store: GenerationStore
    router: Router
    generator: Generator
    gallery: Gallery
    announcer: Announcer
    queue: Sender
    keyless_seconds: int
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time

    def run(self, submission: Submission, deadline: Deadline, wait_seconds: float) -> Delivery:
        """The images, made now or before. Waits up to `wait_seconds` while somebody else makes them.

        Raises InProgress after that, KeyReused for a key with another request, BudgetExhausted, DependencyUnavailable
        while nothing is paid, and the ImagingError that ended the attempt.
        """
        until = self.clock() + wait_seconds
        found: GenerationRecord | None = None
        while True:
            step = self._step(submission, found)
            if step == "replay" and found and (delivery := self._replay(found)):
                return delivery
            if step == "wait" and found:
                if self.clock() >= until:
                    raise in_progress(found)
                self.sleep(POLL_SECONDS)
            else:
                try:
                    return self._make(submission, found, deadline)
                except Changed:
                    pass
            found = self.store.find(submission.generation_id)

    def enqueue(self, submission: Submission) -> Delivery | GenerationRecord:
        """The images, if they are there; else the job that makes them, a new one or the one under way. Raises
        KeyReused, DependencyUnavailable, and a billed failure of the last minute."""
        found: GenerationRecord | None = None
        while True:
            step = self._step(submission, found)
            if step == "replay" and found and (delivery := self._replay(found)):
                return delivery
            try:
                if step == "wait" and found:
                    return self._accepted(submission, found)
                return self._enqueued(submission, found)
            except Changed:
                found = self.store.find(submission.generation_id)

    def get(self, owner: str, generation_id: str) -> GenerationRecord:
        """Raises NotFound for one that never was, is forgotten, or is another caller's; DependencyUnavailable."""
        found = self.store.find(generation_id)
        if found is None or found.owner != owner:
            raise NotFound("There is no such job: its time is over, or it is another caller's.")
        return found

    def cancel(self, owner: str, generation_id: str) -> GenerationRecord:
        """The job, cancelled; images that it has made already are its result. Raises NotFound as `get` does,
        NotCancellable for one that has begun or is over."""
        while True:
            found = self.get(owner, generation_id)
            if found.status == "cancelled":
                return found
            if found.status != "queued":
                raise NotCancellable(f"The job is {found.status}; only a queued one can be cancelled.")
            try:
                base = self.recovered(found)
                rest = self.remaining(base, base.submission(), "The job was cancelled before this image was made.")
                made = {"settled": base.settled, "model": base.model}
                return self.store.change(found, **self.store.over(), **made, status="cancelled", result=rest)
            except Changed:
                continue

    def progress(self, record: GenerationRecord) -> Mapping[int, StoredImage]:
        """The images that attempts made by now, by their index. Raises DependencyUnavailable."""
        if record.attempts == 0:
            return {}
        found = self.gallery.found(record.owner, record.id, record.epoch, record.requested)
        return {index: image.facts for index, image in found.items() if isinstance(image.facts, StoredImage)}

    def begin(
        self, submission: Submission, previous: GenerationRecord | None, base: GenerationRecord, deadline: Deadline
    ) -> Attempt:
        """Plans an attempt and gives it the generation. Raises Changed, BudgetExhausted, DependencyUnavailable."""
        plans = self.router.plans(submission.request, base.first_seed, base.model)
        record = self.store.begin(previous, base, max_price(plans, [*base.settled]), deadline)
        return Attempt(record, submission.request, plans, deadline, waits_on_throttling=record.is_job)

    def attempt(self, attempt: Attempt) -> Outcome:
        """What the models bring; a bug is an outcome too, so that its reservation is settled."""
        try:
            return self.generator.generate(attempt)
        except Exception as error:  # noqa: BLE001 - whatever happens, the reservation is settled
            log_bug(error)
            return Outcome(attempt.plans[0], (), (), InternalError(), is_bug=True)

    def succeed(self, attempt: Attempt, outcome: Outcome) -> Generation:
        """Ends the attempt with its images. Raises Changed, DependencyUnavailable where that could not be written."""
        generation, left = outcome.generation(attempt.record), self.left_by(attempt, outcome)
        self.announcer.completed(attempt.record, generation)
        self.store.end(
            attempt,
            lambda _: {**self.store.over(), **left, "status": "succeeded", "result": generation},
            notes=outcome.notes,
        )
        return generation

    def left_by(self, attempt: Attempt, outcome: Outcome) -> dict[str, Any]:
        """What an attempt leaves to the next one, or to whoever asks what became of it. After a bug, as after a crash,
        the gallery knows what was stored. Raises DependencyUnavailable."""
        if outcome.is_bug:
            found = self.recovered(attempt.record)
            return {"settled": found.settled, "model": found.model, "has_lost_attempt": True}
        settled = outcome.settled()
        has_images = any(not isinstance(facts, MissingImage) for facts in settled.values())
        model = outcome.chosen.route.model.id if has_images else None
        return {"settled": settled, "model": model, "warnings": outcome.warnings(attempt.record) if model else ()}

    def recovered(self, record: GenerationRecord) -> GenerationRecord:
        """The record with its images as they are now: deleted, made by an attempt that died, or stored by a bucket that
        did not say so. Raises DependencyUnavailable."""
        if record.attempts == 0:
            return record
        found = self.gallery.found(
            record.owner, record.id, record.epoch, record.requested, also_in_bucket=_may_have_stored_more(record)
        )
        settled = {**record.settled, **{index: image.facts for index, image in found.items()}}
        models = [image.model for image in found.values()]
        return record.model_copy(update={"settled": settled, "model": next(iter(models), record.model)})

    def remaining(self, record: GenerationRecord, submission: Submission, reason: str) -> Generation | None:
        """The images that were made before the generation was given up, if there are any; `reason` stands in the place
        of each other."""
        if not record.has_images:
            return None
        [chosen] = self.router.plans(submission.request, record.first_seed, record.model)
        slots = [slot for call in chosen.calls for slot in call.slots]
        made = [ImageOutcome(slot, record.settled.get(slot.index) or _missing(slot, reason)) for slot in slots]
        return Outcome(chosen, made, (), None).generation(record)

    def _step(self, submission: Submission, found: GenerationRecord | None) -> Step:
        """What a submission means for the record that was found. Raises KeyReused, and a failure that is remembered."""
        if found is None:
            return "begin"
        if found.request_hash != submission.request_hash:
            if found.status in {"failed", "cancelled"} and not found.has_images:
                return "begin"
            raise key_reused()
        if not found.is_over:
            return "begin" if found.is_dead(self.now()) and not found.is_job else "wait"
        if found.status == "succeeded":
            return "replay" if found.is_keyed or self._is_recent(found) else "begin"
        if found.failure and found.remembered_until > self.now():
            raise found.failure.as_error()
        return "begin"

    def _is_recent(self, record: GenerationRecord) -> bool:
        return self.now() < (record.ended_at or 0) + self.keyless_seconds

    def _replay(self, found: GenerationRecord) -> Delivery | None:
        """The images that are there still, if any are."""
        if found.result is None:
            return None
        generation = self.gallery.as_it_is_now(found.owner, found.result)
        if not generation.stored:
            return None
        log_outcome(caller=found.owner, generation_id=found.id, outcome="replayed", model=generation.model)
        return Delivery(generation, replayed=True)

    def _base(self, submission: Submission, found: GenerationRecord | None, *, is_job: bool) -> GenerationRecord:
        """What the next attempt starts from: what earlier ones left of the same request, or nothing."""
        new = self.store.new(submission, is_job=is_job, previous=found)
        if found is None or found.request_hash != new.request_hash or found.status == "succeeded":
            return new
        left = self.recovered(found)
        images = {index: facts for index, facts in left.settled.items() if not isinstance(facts, MissingImage)}
        resumed = {
            "epoch": left.epoch,
            "first_seed": left.first_seed,
            "attempts": left.attempts,
            "has_lost_attempt": left.has_lost_attempt,
            "possibly_rebilled": left.possibly_rebilled,
        }
        made = {"settled": images, "model": left.model, "warnings": left.warnings} if images else {}
        return new.model_copy(update={**resumed, **made})

    def _make(self, submission: Submission, found: GenerationRecord | None, deadline: Deadline) -> Delivery:
        base = self._base(submission, found, is_job=False)
        try:
            attempt = self.begin(submission, found, base, deadline)
        except BudgetExhausted as error:
            return Delivery(self._without_budget(submission, found, base, error), replayed=False)
        outcome = self.attempt(attempt)
        if outcome.error:
            self._give_way(attempt, outcome, outcome.error)
            raise outcome.error
        try:
            return Delivery(self.succeed(attempt, outcome), replayed=False)
        except (Changed, DependencyUnavailable):
            logger.warning("An outcome was not written", generation_id=attempt.record.id)
            return Delivery(outcome.generation(attempt.record).with_warning(_NOT_REMEMBERED), replayed=False)

    def _without_budget(
        self,
        submission: Submission,
        found: GenerationRecord | None,
        base: GenerationRecord,
        error: BudgetExhausted,
    ) -> Generation:
        """What an earlier attempt made, where the cap leaves no room for the rest. Raises BudgetExhausted, Changed."""
        rest = self.remaining(base, submission, error.detail)
        if found is None or rest is None or error.may_pass:
            raise error
        ended = self.store.change(found, **self.store.over(), settled=base.settled, status="succeeded", result=rest)
        self.announcer.completed(ended, rest)
        return rest

    def _give_way(self, attempt: Attempt, outcome: Outcome, error: ImagingError) -> None:
        """Ends the attempt without images, so that the same request may begin anew. Where somebody was told meanwhile
        that a job makes them, the job goes on."""
        try:
            ended = self.fail(attempt, outcome, error)
        except (Changed, DependencyUnavailable):
            logger.warning("An outcome was not written", generation_id=attempt.record.id)
            return
        if not ended.is_over:
            self._send(ended)

    def fail(self, attempt: Attempt, outcome: Outcome, error: ImagingError) -> GenerationRecord:
        """Ends the attempt, and the generation unless it became a job while a caller waited for it. Raises Changed,
        DependencyUnavailable."""
        left = self.left_by(attempt, outcome)
        ended = self.store.end(
            attempt,
            lambda record: (
                left | {"status": "queued", "attempt": None, "due_at": self.now()}
                if record.is_job and not attempt.record.is_job and _may_go_on(error)
                else left | self._failed(outcome, error)
            ),
            notes=outcome.notes,
            in_full=outcome.is_bug,
        )
        if ended.is_over:
            self.announcer.failed(ended, error)
        return ended

    def _failed(self, outcome: Outcome, error: ImagingError) -> dict[str, Any]:
        """A record's changes where it came to nothing. A failure that was billed is remembered for a while."""
        return {
            **self.store.over(),
            "status": "failed",
            "failure": Failure.of(error),
            "remembered_until": self.now() + FAILURE_SECONDS if outcome.was_paid else 0,
        }

    def _accepted(self, submission: Submission, found: GenerationRecord) -> GenerationRecord:
        """The generation under way as a job that somebody was told of: it must go on if its function dies."""
        if found.is_job:
            needs_note = found.status == "queued" and not found.is_joined
            return self.store.change(found, is_joined=True) if needs_note else found
        request = submission.request.model_dump(mode="json", exclude_unset=True)
        return self.store.change(found, is_job=True, is_joined=True, request=request)

    def _enqueued(self, submission: Submission, found: GenerationRecord | None) -> GenerationRecord:
        job = self.store.queue(found, self._base(submission, found, is_job=True))
        error = self._send(job)
        if error is not None and error.is_refusal and self._is_withdrawn(job):
            raise DependencyUnavailable(
                "The queue did not take the job, so nothing was generated or paid. Send the request again.",
                aws_error=error.code,
            ) from error
        return job

    def _send(self, job: GenerationRecord) -> QueueError | None:
        """Sends a job's message; where it did not arrive, the sweeper sends it again."""
        try:
            self.queue.send(job.id)
        except QueueError as error:
            logger.warning("A job's message was not sent", generation_id=job.id, aws_error=error.code)
            return error
        return None

    def _is_withdrawn(self, job: GenerationRecord) -> bool:
        """Takes back a job that was not sent, unless somebody else was told of it: the sweeper sends it then. Raises
        DependencyUnavailable where nobody knows."""
        try:
            self.store.change(job, **self.store.over(), status="cancelled")
        except Changed:
            return False
        return True


def _may_have_stored_more(record: GenerationRecord) -> bool:
    """Whether the bucket may hold images that no record tells of."""
    is_refused = record.failure is not None and record.failure.code == StorageFailed.code
    return record.status == "running" or record.has_lost_attempt or is_refused


def _may_go_on(error: ImagingError) -> bool:
    """Whether another attempt may make what this one did not. What a bucket refused is paid for, so it is final."""
    return error.may_pass and not isinstance(error, StorageFailed)


def _missing(slot: Slot, reason: str) -> MissingImage:
    return MissingImage(status="failed", reason=reason, seed=slot.seed, seed_index=slot.seed_index)


def key_reused() -> KeyReused:
    return KeyReused(
        "This Idempotency-Key was used with another request. Use a new key for each request, and the same key only to "
        "send the same request again."
    )


def in_progress(record: GenerationRecord) -> InProgress:
    return InProgress(
        "The same request is still being answered. Send it again a little later to collect the result.",
        job_id=record.id if record.is_job else None,
    )


_NOT_REMEMBERED = GenerationWarning(
    code="not_remembered",
    field=None,
    detail="The images are stored, but the outcome could not be written: the same request may be paid again, and "
    "lasting links may not work.",
)
