"""Generations that nobody waits for: kept in the table, made by the worker, and read whenever somebody asks.

queued ──> running ──> succeeded
  │  ^        │ ├────> failed
  │  └────────┘ waits for a throttled model, or tries again
  └──> cancelled
"""

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from aws.queue import QueueError
from aws.table import Record, TableConflict, TableError
from imaging.deadline import Deadline
from imaging.errors import (
    BudgetExhausted,
    CallerMustChange,
    DependencyUnavailable,
    ImagingError,
    InProgress,
    InternalError,
    KeyReused,
    ModelUnavailable,
    NotCancellable,
    NotFound,
    OperatorMustAct,
    Throttled,
)
from imaging.once import MAX_WAIT_SECONDS, POLL_SECONDS, Delivery, Once, in_progress
from imaging.order import Order
from imaging.request import GenerationRequest
from imaging.result import Generation
from observability import log_bug, logger

MAX_ATTEMPTS = 4
"""Failures, other than throttling, after which a job is given up."""

LONGEST_WAIT_SECONDS = 120

UNSENT_SECONDS = 60
"""A job that was not taken for so long may never have been sent."""

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class Failure(BaseModel):
    """Why a job came to nothing, as a problem document tells it."""

    model_config = ConfigDict(frozen=True)

    code: str
    detail: str
    aws_error: str | None

    @classmethod
    def of(cls, error: ImagingError) -> "Failure":
        return cls(code=error.code, detail=error.detail, aws_error=error.aws_error)


class Job(BaseModel):
    """A job as the table keeps it; times are epoch seconds. `alone` as in Order."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner: str
    request: dict[str, Any]
    key: str | None
    alone: bool
    created_at: float
    status: Status = "queued"
    started_at: float | None = None
    ended_at: float | None = None
    attempts: int = 0
    failures: int = 0
    throttles: int = 0
    lease_until: float = 0
    possibly_rebilled: bool = False
    result: Generation | None = None
    failure: Failure | None = None

    @property
    def is_over(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}

    def order(self, *, last: bool = False) -> Order:
        return Order(
            request=GenerationRequest.model_validate(self.request),
            caller=self.owner,
            key=self.key,
            alone=uuid.UUID(self.id) if self.alone else None,
            patient=True,
            last=last,
        )


@dataclass(frozen=True)
class Kept:
    """A job and the version under which it lies in the table."""

    job: Job
    version: int


class JobStore(Protocol):
    def get(self, key: str) -> Record | None: ...
    def swap(self, key: str, record: Record, expires_at: int, *, version: int | None) -> None: ...


class Sender(Protocol):
    def send(self, text: str) -> None: ...


@dataclass(frozen=True)
class PutBack:
    """The job is not over: look at it again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Jobs:
    """Everything that happens to jobs. A job is kept for `kept_seconds` and worked at for `deadline_seconds`."""

    table: JobStore
    queue: Sender
    once: Once
    kept_seconds: int
    deadline_seconds: int
    now: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random

    def open(self, order: Order) -> Job:
        """The job for this order, a new one unless one is under way. Raises KeyReused, DependencyUnavailable."""
        if not self.once.joins(order):
            order = Order(order.request, order.caller, alone=uuid.uuid4())
        kept = self._find(str(order.generation_id))
        if kept is not None and self._is_under_way(kept.job):
            self._send_again(kept.job)
            return _same(kept.job, order)
        job = Job(
            id=str(order.generation_id),
            owner=order.caller,
            request=order.request.model_dump(mode="json", exclude_unset=True),
            key=order.key,
            alone=order.alone is not None,
            created_at=self.now(),
        )
        try:
            self._write(job, kept)
        except TableConflict:
            return self.open(order)
        self._send(job)
        return job

    def wait_for(self, order: Order, deadline: Deadline, wait_seconds: float) -> Delivery:
        """The order's images, from its job if one is under way, else made now. Raises as Once.generate does."""
        until = self.once.clock() + min(wait_seconds, MAX_WAIT_SECONDS)
        while self.under_way(order) is not None:
            if self.once.clock() >= until:
                raise in_progress()
            self.once.sleep(POLL_SECONDS)
        return self.once.generate(order, deadline, until - self.once.clock())

    def under_way(self, order: Order) -> Job | None:
        """The unfinished job for this order, if there is one. Raises DependencyUnavailable."""
        if not self.once.joins(order):
            return None
        kept = self._find(str(order.generation_id))
        return kept.job if kept is not None and self._is_under_way(kept.job) else None

    def get(self, owner: str, job_id: str) -> Job:
        """Raises NotFound for a job that never was, is forgotten, or is another caller's."""
        return self._owned(owner, job_id).job

    def cancel(self, owner: str, job_id: str) -> Job:
        """Raises NotFound as `get` does, NotCancellable for a job that has begun."""
        kept = self._owned(owner, job_id)
        if kept.job.status == "cancelled":
            return kept.job
        if kept.job.status != "queued":
            raise NotCancellable(f"The job is {kept.job.status}; only a queued one can be cancelled.")
        try:
            return self._write(kept.job.model_copy(update={"status": "cancelled", "ended_at": self.now()}), kept).job
        except TableConflict:
            return self.cancel(owner, job_id)

    def work(self, job_id: str, deadline: Deadline) -> PutBack | None:
        """Takes the job one attempt further. Raises NotFound where there is no such job, DependencyUnavailable."""
        kept = self._find(job_id)
        if kept is None:
            raise NotFound(f"There is no job {job_id}.")
        if kept.job.is_over:
            return None
        if kept.job.lease_until > self.now():
            return PutBack(kept.job.lease_until - self.now() + 1)
        try:
            kept = self._claim(kept, deadline)
        except TableConflict:
            return PutBack(1)
        if kept.job.failures >= MAX_ATTEMPTS:
            return self._settle(kept, InternalError())
        return self._settle(kept, self._attempt(kept.job, deadline))

    def _is_under_way(self, job: Job) -> bool:
        return not job.is_over and self.now() - job.created_at < self.deadline_seconds + LONGEST_WAIT_SECONDS

    def _send_again(self, job: Job) -> None:
        """A function that died between the record and the message left a job that nobody would ever take."""
        if job.attempts == 0 and self.now() - job.created_at > UNSENT_SECONDS:
            self._send(job)

    def _claim(self, kept: Kept, deadline: Deadline) -> Kept:
        died = kept.job.status == "running"
        claimed = {
            "failures": kept.job.failures + died,
            "status": "running",
            "started_at": kept.job.started_at or self.now(),
            "attempts": kept.job.attempts + 1,
            "lease_until": self.now() + deadline.get_remaining_time_in_millis() / 1000,
            "possibly_rebilled": kept.job.possibly_rebilled or died,
        }
        return self._write(kept.job.model_copy(update=claimed), kept)

    def _attempt(self, job: Job, deadline: Deadline) -> Generation | ImagingError:
        try:
            # In the end some images are better than none.
            order = job.order(last=self.now() - job.created_at >= self.deadline_seconds)
            return self.once.generate(order, deadline, wait_seconds=0).generation
        except ImagingError as error:
            return error
        except Exception as error:  # noqa: BLE001 - else the queue brings the job again without end
            log_bug(error)
            return InternalError()

    def _settle(self, kept: Kept, outcome: Generation | ImagingError) -> PutBack | None:
        if isinstance(outcome, Generation):
            self._end(kept, "succeeded", result=outcome)
        elif self._is_final(kept.job, outcome):
            self._end(kept, "failed", failure=Failure.of(outcome))
            self.once.announcer.failed(kept.job.owner, kept.job.id, outcome, self.now() - kept.job.created_at)
        else:
            return self._wait(kept, outcome)
        return None

    def _is_final(self, job: Job, error: ImagingError) -> bool:
        if self.now() - job.created_at >= self.deadline_seconds:
            return True
        if _waits(error):
            return False
        if isinstance(error, CallerMustChange) or (isinstance(error, OperatorMustAct) and not error.may_pass):
            return True
        return job.failures + 1 >= MAX_ATTEMPTS

    def _wait(self, kept: Kept, error: ImagingError) -> PutBack:
        waits = _waits(error)
        throttles, failures = kept.job.throttles + waits, kept.job.failures + (not waits)
        self._write(
            kept.job.model_copy(
                update={"status": "queued", "lease_until": 0, "throttles": throttles, "failures": failures}
            ),
            kept,
        )
        seconds = min(2 ** (throttles + failures), LONGEST_WAIT_SECONDS) * (1 + self.jitter()) / 2
        logger.info("A job waits", job_id=kept.job.id, code=error.code, seconds=seconds)
        return PutBack(seconds)

    def _end(self, kept: Kept, status: Status, **facts: object) -> None:
        ended = {"status": status, "ended_at": self.now(), "lease_until": 0, **facts}
        self._write(kept.job.model_copy(update=ended), kept)

    def _send(self, job: Job) -> None:
        try:
            self.queue.send(job.id)
        except QueueError as error:
            # Without a message nobody would ever work at it, and its order would seem under way.
            kept = self._find(job.id)
            if kept is not None:
                self._end(kept, "cancelled")
            raise DependencyUnavailable(
                "The queue did not take the job, so nothing was generated or paid. Send the request again.",
                aws_error=error.code,
            ) from error

    def _owned(self, owner: str, job_id: str) -> Kept:
        kept = self._find(job_id)
        if kept is None or kept.job.owner != owner:
            raise NotFound("There is no such job: its time is over, or it is another caller's.")
        return kept

    def _find(self, job_id: str) -> Kept | None:
        try:
            record = self.table.get(_record_key(job_id))
        except TableError as error:
            raise _table_down(error) from error
        if record is None:
            return None
        return Kept(Job.model_validate_json(record["job"]), int(record["version"]))

    def _write(self, job: Job, kept: Kept | None) -> Kept:
        """Raises TableConflict where the job in the table is no longer the one that was read."""
        believed = kept.version if kept else None
        version = (believed or 0) + 1
        record = {"job": job.model_dump_json(), "version": version}
        expires_at = int(job.created_at + self.kept_seconds)
        try:
            self.table.swap(_record_key(job.id), record, expires_at, version=believed)
        except TableError as error:
            raise _table_down(error) from error
        return Kept(job, version)


def _same(job: Job, order: Order) -> Job:
    if job.order().request != order.request:
        raise KeyReused("This Idempotency-Key was used with another request. Use a new key for each request.")
    return job


def _waits(error: ImagingError) -> bool:
    """Whether the model or the budget has no room now, or somebody else is at the same order: no attempt has failed."""
    if isinstance(error, ModelUnavailable | BudgetExhausted):
        return error.may_pass
    return isinstance(error, Throttled | InProgress)


def _record_key(job_id: str) -> str:
    return f"job#{job_id}"


def _table_down(error: TableError) -> DependencyUnavailable:
    return DependencyUnavailable("The table did not answer. Send the request again.", aws_error=error.code)
