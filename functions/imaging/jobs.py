"""The use cases of the worker, which runs jobs, and of the sweeper, which finds unfinished generations that are due.

Messages are only hints. An accepted job is in the table: the sweeper sends a lost message again, and ends a job that is
past its deadline.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from aws.table import TableError
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted, DependencyUnavailable, ImagingError, InternalError, NotFound, TimedOut
from imaging.generations import MAX_ATTEMPTS, Generations
from imaging.records.record import GenerationRecord
from imaging.records.store import Changed
from observability import log_bug, logger


@dataclass(frozen=True)
class Jobs:
    """The worker's and the sweeper's use cases."""

    generations: Generations
    now: Callable[[], float] = time.time

    def work(self, generation_id: str, deadline: Deadline) -> float | None:
        """Runs one attempt of the job, if it is free. Returns the seconds until its message must become visible again,
        or None if the job is over. Raises NotFound, InternalError if its record is malformed, DependencyUnavailable."""
        record = self.generations.store.find(generation_id)
        if record is None:
            raise NotFound(f"There is no job {generation_id}.")
        if record.is_job and not record.is_over and self._seconds_until_free(record) <= 0:
            try:
                record = self._advanced(record, deadline)
            except Changed:
                return 1
        return None if record.is_over or not record.is_job else self._seconds_until_free(record)

    def sweep(self, deadline: Deadline) -> int:
        """Resends or ends every unfinished generation that is due, and returns their number. Raises TableError."""
        seen = 0
        for generation_id in takewhile(lambda _: deadline.leaves(0), self.generations.store.due()):
            seen += 1
            try:
                self._sweep_one(generation_id)
            except (Changed, DependencyUnavailable, TableError) as error:
                logger.warning(
                    "A due generation was skipped until the next sweep", generation_id=generation_id, why=str(error)
                )
            except Exception as error:  # noqa: BLE001 - one generation's bug must not stop the others
                log_bug(error)
        return seen

    def _seconds_until_free(self, record: GenerationRecord) -> float:
        return (record.lease_until if record.status == "running" else record.retry_at) - self.now()

    def _advanced(self, record: GenerationRecord, deadline: Deadline) -> GenerationRecord:
        base = self.generations.recovered(record)
        if why := self._why_given_up(record):
            return self.generations.give_up(base, why)
        try:
            attempt = self.generations.begin(base, deadline)
        except BudgetExhausted as error:
            if waiting := self.generations.waiting(base, error):
                return self.generations.store.change(base, **waiting)
            return self.generations.give_up(base, error)
        return self.generations.settle(attempt, self.generations.attempt(attempt))

    def _why_given_up(self, record: GenerationRecord) -> ImagingError | None:
        """A generation that is no job is given up after a crash: a retry of its request, or the list of images, finds
        its images."""
        if record.is_job and self.now() >= self.generations.store.deadline(record):
            return record.waiting.as_error() if record.waiting else TimedOut(_TOO_LATE)
        has_failed = record.failures + record.is_lost(self.now()) >= MAX_ATTEMPTS
        return None if record.is_job and not has_failed else InternalError()

    def _sweep_one(self, generation_id: str) -> None:
        store = self.generations.store
        try:
            record = store.find(generation_id)
        except InternalError:
            store.set_aside(generation_id)
            return
        if record is None or record.is_over or (record.due_at or 0) > self.now():
            return
        if why := self._why_given_up(record):
            self.generations.give_up(self.generations.recovered(record), why)
        elif self.generations.send(record) is None:
            store.change(record, resends=record.resends + 1)


_TOO_LATE = "The job did not begin within JobHours. Send the request again, or raise WorkerConcurrency."
