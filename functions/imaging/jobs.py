"""Generations that nobody waits for: the worker takes them further, and the sweeper finds those that were left alone.

Messages are hints. A job that was accepted is in the table; the sweeper sends its message again, or ends it when its
time is over.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws.queue import QueueError
from aws.table import TableError
from imaging.deadline import Deadline
from imaging.errors import (
    BudgetExhausted,
    CallerMustChange,
    DependencyUnavailable,
    ImagingError,
    InternalError,
    ModelUnavailable,
    NotFound,
    OperatorMustAct,
    StorageFailed,
    Throttled,
    TimedOut,
)
from imaging.generations import Generations, Sender
from imaging.making.generator import Outcome
from imaging.records.attempt import Attempt
from imaging.records.record import Failure, GenerationRecord
from imaging.records.store import RESEND_SECONDS, Changed, GenerationStore
from observability import log_bug, logger

MAX_ATTEMPTS = 4
"""Failed attempts, other than throttled ones, after which a job is given up."""

LONGEST_WAIT_SECONDS = 120


@dataclass(frozen=True)
class PutBack:
    """The job is not over: make its message visible again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Jobs:
    """The worker's and the sweeper's use cases."""

    generations: Generations
    store: GenerationStore
    queue: Sender
    now: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random

    def work(self, generation_id: str, deadline: Deadline) -> PutBack | None:
        """Takes the job one attempt further. Raises NotFound where there is no such job, InternalError where its record
        is malformed, DependencyUnavailable."""
        record = self.store.find(generation_id)
        if record is None:
            raise NotFound(f"There is no job {generation_id}.")
        if record.is_over or not record.is_job:
            return None
        if record.status == "running" and not record.is_dead(self.now()):
            return PutBack(record.lease_until - self.now() + 1)
        if record.retry_at > self.now():
            return PutBack(record.retry_at - self.now() + 1)
        try:
            return self._advance(record, deadline)
        except Changed:
            return PutBack(1)

    def sweep(self, deadline: Deadline) -> int:
        """Looks after every unfinished generation that is due; answers how many there were. Raises TableError."""
        seen = 0
        for generation_id in self.store.due():
            if not deadline.leaves(0):
                break
            seen += 1
            try:
                self._look_after(generation_id)
            except (Changed, DependencyUnavailable, QueueError, TableError) as error:
                logger.warning(
                    "A due generation is left to the next sweep", generation_id=generation_id, why=str(error)
                )
            except Exception as error:  # noqa: BLE001 - one generation's bug holds up no other
                log_bug(error)
        return seen

    def _advance(self, record: GenerationRecord, deadline: Deadline) -> PutBack | None:
        base = self.generations.recovered(record)
        if why := self._why_given_up(record):
            self._give_up(record, base, why)
            return None
        try:
            attempt = self.generations.begin(base.submission(), record, base, deadline)
        except BudgetExhausted as error:
            if error.may_pass:
                return self._postpone(record, error)
            self._give_up(record, base, error)
            return None
        outcome = self.generations.attempt(attempt)
        return self._settle(attempt, outcome)

    def _settle(self, attempt: Attempt, outcome: Outcome) -> PutBack | None:
        error, seconds = outcome.error, self._wait_seconds(attempt.record)
        if error is None or (outcome.has_images and self._is_final(attempt.record, error, seconds)):
            self.generations.succeed(attempt, outcome)
            return None
        if self._is_final(attempt.record, error, seconds):
            self.generations.fail(attempt, outcome, error)
            return None
        left = self.generations.left_by(attempt, outcome)
        self.store.end(
            attempt,
            lambda record: left | self._waiting(record, error, seconds),
            notes=outcome.notes,
            in_full=outcome.is_bug,
        )
        logger.info("A job waits", generation_id=attempt.record.id, code=error.code, seconds=seconds)
        return PutBack(seconds)

    def _is_final(self, record: GenerationRecord, error: ImagingError, seconds: float) -> bool:
        if self.now() + seconds >= self.store.deadline(record):
            return True
        if _waits(error):
            return False
        if isinstance(error, CallerMustChange | StorageFailed) or (
            isinstance(error, OperatorMustAct) and not error.may_pass
        ):
            return True
        return record.failures + 1 >= MAX_ATTEMPTS

    def _why_given_up(self, record: GenerationRecord) -> ImagingError | None:
        if self.now() >= self.store.deadline(record):
            return record.waiting.as_error() if record.waiting else _too_late()
        if record.failures + record.is_dead(self.now()) >= MAX_ATTEMPTS:
            return InternalError()
        return None

    def _give_up(self, record: GenerationRecord, base: GenerationRecord, why: ImagingError) -> None:
        rest = self.generations.remaining(base, base.submission(), why.detail)
        outcome: dict[str, Any] = (
            {"status": "succeeded", "result": rest} if rest else {"status": "failed", "failure": Failure.of(why)}
        )
        ended = self.store.change(
            record, **self.store.over(), **outcome, settled=base.settled, model=base.model, attempt=None
        )
        if rest:
            self.generations.announcer.completed(ended, rest)
        else:
            self.generations.announcer.failed(ended, why)

    def _postpone(self, record: GenerationRecord, error: BudgetExhausted) -> PutBack:
        """Others' reservations stand in the way: no attempt was made."""
        seconds = self._wait_seconds(record)
        self.store.change(record, **self._waiting(record, error, seconds))
        return PutBack(seconds)

    def _waiting(self, record: GenerationRecord, error: ImagingError, seconds: float) -> dict[str, Any]:
        retry_at = self.now() + seconds
        counted = {"throttles": record.throttles + 1} if _waits(error) else {"failures": record.failures + 1}
        return {
            **counted,
            "status": "queued",
            "attempt": None,
            "lease_until": 0,
            "retry_at": retry_at,
            "due_at": min(retry_at + RESEND_SECONDS, self.store.deadline(record)),
            "resends": 0,
            "waiting": Failure.of(error),
        }

    def _wait_seconds(self, record: GenerationRecord) -> float:
        """An exponential backoff with jitter."""
        tries = record.throttles + record.failures + 1
        return float(min(2 ** min(tries, 10), LONGEST_WAIT_SECONDS) * (1 + self.jitter()) / 2)

    def _look_after(self, generation_id: str) -> None:
        try:
            record = self.store.find(generation_id)
        except InternalError:
            self.store.unlist(generation_id)
            return
        if record is None or record.is_over or (record.due_at or 0) > self.now():
            return
        if not record.is_job:
            self._bury(record)
        elif self.now() >= self.store.deadline(record):
            self._give_up(record, self.generations.recovered(record), self._why_given_up(record) or _too_late())
        else:
            self.queue.send(record.id)
            self.store.postpone(record)

    def _bury(self, record: GenerationRecord) -> None:
        """A function died whose caller waited: its reservation counts as spent, and its images are found again, by the
        same request or in the caller's list."""
        base = self.generations.recovered(record)
        error = InternalError()
        ended = self.store.change(
            record,
            **self.store.over(),
            status="failed",
            failure=Failure.of(error),
            settled=base.settled,
            model=base.model,
        )
        self.generations.announcer.failed(ended, error)


def _waits(error: ImagingError) -> bool:
    """Whether the model or the budget has no room now, so that no attempt has failed."""
    if isinstance(error, ModelUnavailable | BudgetExhausted):
        return error.may_pass
    return isinstance(error, Throttled)


def _too_late() -> TimedOut:
    return TimedOut("The job was not begun in its time (JobHours). Send the request again, or raise WorkerConcurrency.")
