"""Writes generation records: each change under the condition that nobody else changed the record since it was read.

A change of the record and what it adds to the month's totals are one transaction. A write whose answer was lost is
recognised by its revision.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from aws.table import EXPIRY, KEY, LISTED_AT, LISTING, Absent, ConditionFailed, Equal, Page, Put, TableError
from imaging import ports
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, table_down, table_needed
from imaging.records.attempt import Attempt
from imaging.records.ledger import Ledger
from imaging.records.record import DUE, GenerationRecord, id_of, key, read
from observability import logger, metrics

LEASE_MARGIN_SECONDS = 5
"""How much longer than its function may run an attempt has the generation."""

RESEND_SECONDS = 300
"""When a queued job's message is sent again, if nobody has taken it; twice as late each time."""

LONGEST_RESEND_SECONDS = 3600

END_RETRY_SECONDS = (0.5, 1, 2)
"""Pauses before an attempt's end is written again, shorter where the function's time is nearly over."""

DUE_PAGE = 50


class Changed(Exception):
    """Somebody else changed the record since it was read; nothing was written."""


@dataclass(frozen=True)
class GenerationStore:
    """The records in the table. A job is worked at for `job_seconds`, a finished one kept for `retention_seconds`."""

    table: ports.Table
    ledger: Ledger
    retention_seconds: int
    job_seconds: int
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def find(self, generation_id: str) -> GenerationRecord | None:
        """The record, if there is one. Raises DependencyUnavailable, InternalError where it is malformed."""
        with table_needed():
            record = self.table.get(key(generation_id))
        return read(generation_id, record) if record else None

    def due(self) -> Iterator[str]:
        """Ids of unfinished generations that somebody must look after now, the longest due first. Raises TableError."""
        until, page = self.now(), Page((), None)
        while True:
            page = self.table.listed(DUE, DUE_PAGE, until=until, start=page.next)
            yield from [id_of(record["id"]) for record in page.records]
            if page.next is None:
                return

    def deadline(self, record: GenerationRecord) -> float:
        """When a job is given up."""
        return record.created_at + self.job_seconds

    def begin(self, record: GenerationRecord, reserved: int, deadline: Deadline) -> GenerationRecord:
        """Gives the generation to a new attempt, and reserves what it may cost. Raises Changed, BudgetExhausted,
        DependencyUnavailable; then nothing is reserved."""
        return self.change(
            record,
            status="running",
            attempt=secrets.token_hex(8),
            attempts=record.attempts + 1,
            lease_until=self.now() + deadline.remaining() + LEASE_MARGIN_SECONDS,
            waiting=None,
            resends=0,
            started_at=record.started_at or self.now(),
            month=self.ledger.month(),
            reserved=reserved,
        )

    def end(
        self,
        attempt: Attempt,
        change: Callable[[GenerationRecord], Mapping[str, Any]],
        *,
        notes: Sequence[Put] = (),
        in_full: bool = False,
    ) -> GenerationRecord:
        """Ends the attempt with what `change` makes of the record, and settles its reservation: `in_full` where nobody
        knows what was billed. Raises Changed where the attempt's time was over, DependencyUnavailable."""
        held, revision = attempt.record, secrets.token_hex(8)

        def write() -> GenerationRecord:
            record = held
            while True:
                settlement = record.settlement(attempt.calls, in_full=in_full)
                try:
                    return self._save(record, {**settlement, **change(record), "revision": revision}, notes)
                except Changed:
                    found = self.find(record.id)
                    if found is None or (found.status, found.attempt) != ("running", held.attempt):
                        raise
                    record = found

        for pause in END_RETRY_SECONDS:
            try:
                return write()
            except DependencyUnavailable:
                self.sleep(min(pause, attempt.deadline.remaining() / 2))
        return write()

    def change(self, record: GenerationRecord, **changes: object) -> GenerationRecord:
        """Changes a record that no living attempt has. A new status settles what a dead one had reserved: nobody knows
        what it paid, so it is spent. Raises Changed, BudgetExhausted, DependencyUnavailable."""
        if "status" in changes and record.status == "running":
            metrics.add_metric(name="ReservationLapsed", unit=MetricUnit.Count, value=1)
            logger.warning("An attempt died; its reservation is spent", generation_id=record.id, micros=record.reserved)
            changes = {**record.settlement((), in_full=True), "failures": record.failures + 1, **changes}
        return self._save(record, changes, ())

    def unlist(self, generation_id: str) -> None:
        """Takes a malformed record off the list of what is due, so that it is looked at only once. Raises
        TableError."""
        record = self.table.get(key(generation_id))
        if record is not None:
            kept = {name: value for name, value in record.items() if name not in {KEY, EXPIRY, LISTING, LISTED_AT}}
            expires_at = record.get(EXPIRY, self._unfinished_until())
            self.table.write([Put(record[KEY], kept, expires_at)], secrets.token_hex(8))

    def _save(self, before: GenerationRecord, changes: Mapping[str, object], notes: Sequence[Put]) -> GenerationRecord:
        changed = before.model_copy(update={"revision": secrets.token_hex(8), **changes})
        return self._write(before, changed.model_copy(update=self._times(changed)), notes)

    def _times(self, record: GenerationRecord) -> Mapping[str, object]:
        """When somebody must look after a record, and until when the table keeps it: an unfinished one until long after
        its deadline has ended it."""
        now = self.now()
        if record.is_over:
            expires_at = int(now) + self.retention_seconds
            return {"ended_at": now, "due_at": None, "waiting": None, "expires_at": expires_at}
        resend_at = max(record.retry_at, now) + min(RESEND_SECONDS * 2**record.resends, LONGEST_RESEND_SECONDS)
        due_at = record.lease_until if record.status == "running" else min(resend_at, self.deadline(record))
        return {"due_at": due_at, "expires_at": self._unfinished_until()}

    def _unfinished_until(self) -> int:
        return int(self.now()) + self.job_seconds + self.retention_seconds

    def _write(self, before: GenerationRecord, after: GenerationRecord, notes: Sequence[Put]) -> GenerationRecord:
        condition = Equal("revision", before.revision) if before.revision else Absent(self.now())
        totals = self.ledger.changes(before, after)
        missing = [note for each in notes if (note := self._still_missing(each))]
        try:
            self.table.write([after.put(condition), *totals, *missing], secrets.token_hex(8))
        except ConditionFailed as failed:
            if 0 in failed.places:
                return self._recognised(before, after, Changed())
            if min(failed.places) <= len(totals):
                raise self.ledger.exhausted(before, after) from None
            return self._write(before, after, notes)
        except TableError as error:
            return self._recognised(before, after, table_down(error))
        return after

    def _still_missing(self, note: Put) -> Put | None:
        """The write of an image's record in the place of an earlier epoch's; None where it is written already."""
        with table_needed():
            found = self.table.get(note.key)
        if found is None:
            return replace(note, condition=Absent(self.now()))
        told_by = "epoch" if "epoch" in found else "owner"
        is_written = found.get("epoch") == note.record["epoch"]
        return None if is_written else replace(note, condition=Equal(told_by, found[told_by]))

    def _recognised(self, before: GenerationRecord, after: GenerationRecord, otherwise: Exception) -> GenerationRecord:
        """The record in the table, if it is this write's after all: its answer was lost. Somebody may have joined an
        attempt since it began. Raises `otherwise`."""
        try:
            found = self.find(after.id)
        except DependencyUnavailable:
            raise otherwise from None
        if found and found.revision == after.revision:
            return found
        if found and found.status == "running" and before.attempt != after.attempt == found.attempt:
            return found
        raise otherwise
