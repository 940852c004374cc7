"""The use cases of a caller. The same request starts, waits for, resumes or replays one generation, and is paid
once."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import tracing
from aws.queue import QueueError
from aws.table import Check
from imaging import ports
from imaging.announcing import Announcer
from imaging.deadline import Deadline
from imaging.errors import (
    BudgetExhausted,
    Cancelled,
    DependencyUnavailable,
    ImagingError,
    InProgress,
    InternalError,
    KeyReused,
    ModelUnavailable,
    NotCancellable,
    NotFound,
    StorageFailed,
    Throttled,
)
from imaging.images.gallery import FoundImage, Gallery
from imaging.making.generator import Generator
from imaging.making.outcome import Outcome
from imaging.planning.plan import max_price
from imaging.planning.router import Router
from imaging.records.attempt import Attempt
from imaging.records.record import Failure, GenerationRecord
from imaging.records.store import Changed, GenerationStore, Outdated
from imaging.requests.result import Generation, GenerationWarning, MissingImage, StoredImage
from imaging.requests.submission import Submission
from imaging.requests.webhook import Webhook
from imaging.webhooks.endpoints import Endpoints
from observability import log_bug, logger

POLL_SECONDS = 0.5

MAX_ATTEMPTS = 4
"""Failed attempts, other than throttled ones, after which a job is given up."""

LONGEST_BACKOFF_SECONDS = 120

CANCELLATION_SECONDS = 60
"""How long a cancelled job answers the same request with its Idempotency-Key, such as a late copy of it."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Delivery:
    generation: Generation
    replayed: bool


@dataclass(frozen=True)
class Generations:
    """What callers can do with generations. `keyless_seconds` is how long a finished generation is replayed to requests
    without a key."""

    store: GenerationStore
    router: Router
    generator: Generator
    gallery: Gallery
    announcer: Announcer
    queue: ports.Queue
    keyless_seconds: int
    webhook_queue: ports.Queue
    endpoints: Endpoints
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def run(self, submission: Submission, deadline: Deadline, wait_seconds: float) -> Delivery:
        """The images, generated now or replayed. Waits up to `wait_seconds` for an attempt that is already running.

        Raises InProgress after that, KeyReused for a key with another request, Cancelled for a key whose job was just
        cancelled, BudgetExhausted, DependencyUnavailable if nothing was paid, and the ImagingError that ended the
        attempt.
        """
        until = self.now() + wait_seconds

        def wait(found: GenerationRecord) -> None:
            if found.status == "cancelled":
                raise Cancelled(
                    "The job with this Idempotency-Key was cancelled. To generate all the same, use a new key, or send "
                    "the request again after a minute."
                )
            if self.now() >= until:
                raise InProgress(
                    "The same request is still being answered. Send it again a little later to collect the result.",
                    job_id=found.id if found.is_job else None,
                )
            self.sleep(POLL_SECONDS)

        return self._resolve(submission, partial(self._resume, submission, deadline), wait)

    def enqueue(self, submission: Submission) -> Delivery | GenerationRecord:
        """The images, if they can be replayed; else the job: new, unfinished, or cancelled in the last minute under the
        same key. Raises KeyReused, DependencyUnavailable, and a billed failure of the last minute."""
        return self._resolve(submission, partial(self._enqueued, submission), partial(self._accepted, submission))

    def get(self, owner: str, generation_id: str) -> GenerationRecord:
        """The owner's generation. Raises NotFound if it does not exist, has expired or is another caller's;
        DependencyUnavailable."""
        found = self.store.find(generation_id)
        if found is None or found.owner != owner:
            raise NotFound("There is no such job: it has expired, or belongs to another caller.")
        return found

    def awaited(self, owner: str, generation_id: str, seconds: float) -> GenerationRecord:
        """The owner's generation, when it is over or after so many seconds. Raises as `get` does."""
        until = self.now() + seconds
        while True:
            found = self.get(owner, generation_id)
            if found.is_over or self.now() >= until:
                return found
            self.sleep(POLL_SECONDS)

    def cancel(self, owner: str, generation_id: str) -> GenerationRecord:
        """The cancelled job; images that it has already made are its result. Raises NotFound as `get` does,
        NotCancellable if it is not queued."""
        why = NotCancellable("The job was cancelled before this image was made.")
        while True:
            found = self.get(owner, generation_id)
            if found.status == "cancelled":
                return found
            if found.status != "queued":
                raise NotCancellable(f"The job is {found.status}; only a queued one can be cancelled.")
            with suppress(Changed):
                base = self.recovered(found)
                return self._notified(
                    self.store.change(
                        base,
                        status="cancelled",
                        result=self._remaining(base, why),
                        remembered_until=self.now() + CANCELLATION_SECONDS if base.is_keyed else 0,
                    )
                )

    def progress(self, record: GenerationRecord) -> Mapping[int, StoredImage]:
        """The images that attempts have made so far, by index. Raises DependencyUnavailable."""
        found = self._found(record)
        return {index: image.facts for index, image in found.items() if isinstance(image.facts, StoredImage)}

    def begin(self, base: GenerationRecord, deadline: Deadline) -> Attempt:
        """Plans an attempt, and acquires the generation for it. Raises Changed, BudgetExhausted,
        DependencyUnavailable."""
        request = base.required_request()
        plans = self.router.plans(request, base.first_seed, base.model)
        return Attempt(self.store.begin(base, max_price(plans, base.settled), deadline), request, plans, deadline)

    def attempt(self, attempt: Attempt) -> Outcome:
        """The outcome of the attempt's model calls. A bug is an outcome too, so that its reservation is settled."""
        try:
            return self.generator.generate(attempt)
        except Exception as error:  # noqa: BLE001 - the reservation is settled after every error
            log_bug(error)
            return Outcome(attempt.record, attempt.plans[0], (), (), InternalError(), is_bug=True)

    def settle(self, attempt: Attempt, outcome: Outcome) -> GenerationRecord:
        """Ends the attempt: the generation is over, or waits for the next attempt. Raises Changed,
        DependencyUnavailable if that could not be written."""
        begun = attempt.record
        # After a bug, as after a crash, the gallery is read to find the stored images.
        found = self.recovered(begun).only("settled", "model") if outcome.is_bug else {}
        changes = self._changes(begun, outcome) | found
        if changes["status"] == "succeeded":
            self.announcer.completed(begun, changes["result"])

        def current(record: GenerationRecord) -> dict[str, Any]:
            """If the generation became a job during the attempt, the outcome is decided by a job's rules."""
            is_other = record.is_job != begun.is_job
            return record.without_deleted(self._changes(record, outcome) | found if is_other else changes)

        try:
            ended = self.store.end(attempt, current, notes=outcome.notes, in_full=outcome.is_bug)
        except (Changed, DependencyUnavailable):
            for image in outcome.unwritten:
                self.gallery.write(image)
            raise
        if ended.status == "failed" and outcome.error:
            self.announcer.failed(ended, outcome.error)
        return self._notified(ended)

    def waiting(self, record: GenerationRecord, error: ImagingError) -> dict[str, Any] | None:
        """The changes by which a job waits for its next attempt: an exponential backoff with jitter. None if the error
        is final; a failed put is, because the image was paid for."""
        longest = min(2 ** (record.throttles + record.failures + 1), LONGEST_BACKOFF_SECONDS)
        seconds = longest * random.uniform(0.5, 1)  # noqa: S311
        retry_at = self.now() + seconds
        is_full = isinstance(error, Throttled | ModelUnavailable | BudgetExhausted)
        counted = {"throttles": record.throttles + 1} if is_full else {"failures": record.failures + 1}
        is_last = retry_at >= self.store.deadline(record) or counted.get("failures", 0) >= MAX_ATTEMPTS
        if is_last or not error.may_pass or isinstance(error, StorageFailed):
            return None
        logger.info("A job waits", generation_id=record.id, code=error.code, seconds=seconds)
        return {**counted, "status": "queued", "retry_at": retry_at, "waiting": Failure.of(error)}

    def give_up(self, base: GenerationRecord, why: ImagingError) -> GenerationRecord:
        """Ends a generation that no attempt runs, with the images of earlier attempts. Raises Changed,
        DependencyUnavailable."""
        rest = self._remaining(base, why)
        ending = {"status": "succeeded", "result": rest} if rest else {"status": "failed", "failure": Failure.of(why)}
        ended = self.store.change(base, **ending)
        self.announcer.ended(ended, why)
        return self._notified(ended)

    def recovered(self, record: GenerationRecord) -> GenerationRecord:
        """The record with its images as they are now: also those that were deleted, that a crashed attempt made, or
        that were stored although the put failed. Raises DependencyUnavailable."""
        found = self._found(record, also_in_bucket=_may_have_stored_more(record))
        settled = {**record.settled, **{index: image.facts for index, image in found.items()}, **record.deleted}
        models = [image.model for image in found.values() if image.model]
        return record.model_copy(update={"settled": settled, "model": next(iter(models), record.model)})

    def send(self, job: GenerationRecord) -> QueueError | None:
        """Sends a job's message. If that fails, the sweeper sends it later."""
        try:
            self.queue.send(job.id, job.owner)
        except QueueError as error:
            logger.warning("A job's message was not sent", generation_id=job.id, aws_error=error.code)
            return error
        return None

    def _notified(self, record: GenerationRecord) -> GenerationRecord:
        """Sends a message for each delivery of a job that has ended. If that fails, the sweeper sends it later."""
        for delivery_id in record.new_deliveries if record.is_over else ():
            try:
                self.webhook_queue.send(delivery_id, record.owner)
            except QueueError as error:
                logger.warning("A delivery's message was not sent", delivery_id=delivery_id, aws_error=error.code)
        return record

    def _found(self, record: GenerationRecord, *, also_in_bucket: bool = False) -> Mapping[int, FoundImage]:
        ours = (record.owner, record.id, record.epoch, record.requested)
        return self.gallery.found(*ours, also_in_bucket=also_in_bucket) if record.attempts else {}

    def _resolve(
        self,
        submission: Submission,
        begin: Callable[[GenerationRecord | None], Answer | None],
        wait: Callable[[GenerationRecord], Answer | None],
    ) -> Delivery | Answer:
        """Replays the generation, begins it, or waits for its running attempt, until there is an answer."""
        tracing.annotate(generation_id=submission.generation_id)
        found: GenerationRecord | None = None
        while True:
            with suppress(Changed):
                if found and self._is_in_progress(submission, found):
                    answer: Delivery | Answer | None = wait(found)
                else:
                    answer = self._replay(found) or begin(found)
                if answer:
                    return answer
            found = self.store.find(submission.generation_id)

    def _is_in_progress(self, submission: Submission, found: GenerationRecord) -> bool:
        """Whether the generation is unfinished and not to be resumed here, or was just cancelled. Raises KeyReused, and
        a remembered failure."""
        if found.request_hash != submission.request_hash:
            if found.status not in {"failed", "cancelled"} or found.has_images:
                raise KeyReused(
                    "This Idempotency-Key was used with another request. Use a new key for each request, and the same "
                    "key only to send the same request again."
                )
        elif found.remembered_until > self.now():
            if found.failure:
                raise found.failure.as_error()
            return True
        return not found.is_over and (found.is_job or not found.is_lost(self.now()))

    def _replay(self, found: GenerationRecord | None) -> Delivery | None:
        """The finished generation, if it may be replayed and has images left."""
        if found is None or found.result is None or found.status != "succeeded":
            return None
        if not found.is_keyed and self.now() >= (found.ended_at or 0) + self.keyless_seconds:
            return None
        generation = self.gallery.current(found.owner, found.result)
        if not generation.stored:
            return None
        self.announcer.replayed(found, generation)
        return Delivery(generation, replayed=True)

    def _base(self, submission: Submission, found: GenerationRecord | None, *, is_job: bool) -> GenerationRecord:
        """The record from which the next attempt starts: the request, what earlier attempts spent, and the images that
        they made for the same request."""
        new = GenerationRecord.new(submission, self.now(), is_job=is_job)
        if found is None:
            return new
        new = new.model_copy(update=found.only(*_ACCOUNT))
        if found.request_hash != new.request_hash or found.status == "succeeded":
            return new
        earlier = self.recovered(found)
        images = {index: facts for index, facts in earlier.settled.items() if not isinstance(facts, MissingImage)}
        made = {**earlier.only("model", "warnings"), "settled": images} if images else {}
        return new.model_copy(update={**earlier.only(*_RESUMED), **made})

    def _resume(self, submission: Submission, deadline: Deadline, found: GenerationRecord | None) -> Delivery | None:
        """The images of an attempt that begins now; None if the budget has no room for what is missing, so that the
        images of earlier attempts are the result."""
        base = self._base(submission, found, is_job=False)
        try:
            return self._make(base, deadline)
        except BudgetExhausted as error:
            if error.may_pass or not base.has_images:
                raise
            self.give_up(base, error)
            return None

    def _make(self, base: GenerationRecord, deadline: Deadline) -> Delivery:
        attempt = self.begin(base, deadline)
        outcome = self.attempt(attempt)
        ended = None
        try:
            ended = self.settle(attempt, outcome)
        except (Changed, DependencyUnavailable):
            logger.warning("An outcome was not written", generation_id=base.id)
        if outcome.error:
            if ended and not ended.is_over:
                self.send(ended)
            raise outcome.error
        generation = outcome.generation
        return Delivery(generation if ended else generation.with_warning(_NOT_REMEMBERED), replayed=False)

    def _changes(self, record: GenerationRecord, outcome: Outcome) -> dict[str, Any]:
        """The changes by which the generation ends, or waits as a job, with the images of the attempt."""
        waiting = self.waiting(record, outcome.error) if record.is_job and outcome.error else None
        return outcome.progress() | (waiting or outcome.ending(self.now()))

    def _remaining(self, record: GenerationRecord, why: ImagingError) -> Generation | None:
        """The result with the images that were made, if any were; the others fail with `why`."""
        if record.request is None or not record.has_images:
            return None
        chosen, *_ = self.router.plans(record.request, record.first_seed, record.model)
        return Outcome.of_earlier_attempts(record, chosen, why).generation

    def _accepted(self, submission: Submission, found: GenerationRecord) -> GenerationRecord:
        """The unfinished generation as an accepted job, which must be finished even if its function crashes."""
        if not found.is_job:
            with self._default_webhook(submission) as (webhook, relied):
                return self.store.change(
                    found,
                    relied,
                    is_job=True,
                    is_open=True,
                    is_joined=True,
                    request=submission.request,
                    webhooks=found.with_webhook(webhook),
                )
        webhooks = found.with_webhook(submission.own_webhook)
        needs_note = (found.status == "queued" and not found.is_joined) or webhooks != found.webhooks
        is_noted = found.is_over or not needs_note
        return found if is_noted else self.store.change(found, is_joined=True, webhooks=webhooks)

    @contextmanager
    def _default_webhook(self, submission: Submission) -> Iterator[tuple[Webhook | None, Sequence[Check]]]:
        """The webhook of a job that is accepted now, and what its record must check."""
        try:
            yield self.endpoints.resolved(submission.caller, submission.webhook)
        except Outdated:
            self.endpoints.renew(submission.caller)
            raise

    def _enqueued(self, submission: Submission, found: GenerationRecord | None) -> GenerationRecord:
        with self._default_webhook(submission) as (webhook, relied):
            base = self._base(submission.with_webhook(webhook), found, is_job=True)
            job = self.store.change(base, relied, status="queued", is_open=True)
        error = self.send(job)
        if error and error.is_refusal:
            # If another request was answered with this job meanwhile, it stays, and the sweeper sends it.
            with suppress(Changed):
                self.store.change(job, status="cancelled", webhooks=())
                raise DependencyUnavailable(
                    "The queue did not take the job, so nothing was generated or paid. Send the request again.",
                    aws_error=error.code,
                ) from error
        return job


_ACCOUNT = (
    "revision",
    "status",
    "is_open",
    "lease_until",
    "month",
    "reserved",
    "spent",
    "images_billed",
    "calls",
    "deliveries",
)
"""What the next record of the same generation id takes over: its revision, what was spent, and what was sent."""

_RESUMED = ("epoch", "first_seed", "attempts", "has_lost_attempt", "possibly_rebilled")
"""What it also takes over if it resumes the same request."""


def _may_have_stored_more(record: GenerationRecord) -> bool:
    """Whether the bucket may contain images without a record."""
    failure = record.failure.code if record.failure else None
    return record.status == "running" or record.has_lost_attempt or failure == StorageFailed.code


_NOT_REMEMBERED = GenerationWarning(
    code="not_remembered",
    field=None,
    detail="The images are stored, but the outcome could not be written: the same request may be paid again, and "
    "lasting links may not work.",
)
