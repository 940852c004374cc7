"""Reads and writes generation records. Each write is conditional on the revision that was read.

The record and its changes to the month's totals are written in one transaction. A write whose answer was lost is
recognised by its revision.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from pydantic import ValidationError

from aws.table import (
    EXPIRY,
    KEY,
    LISTED_AT,
    LISTING,
    Absent,
    Change,
    Check,
    Condition,
    ConditionFailed,
    Equal,
    Page,
    Put,
    Record,
    TableError,
)
from imaging import ports
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, InternalError, table_down, table_needed
from imaging.records import delivery
from imaging.records.attempt import Attempt
from imaging.records.keys import Keys
from imaging.records.ledger import Ledger, settlement
from imaging.records.open_jobs import OpenJobs
from imaging.records.record import GenerationRecord, key
from observability import log_bug, logger, metrics

LEASE_MARGIN_SECONDS = 5
"""How much longer than its function may run an attempt's lease lasts."""

RESEND_SECONDS = 300
"""How long a queued job may wait for a worker before its message is sent again; doubles each time."""

LONGEST_RESEND_SECONDS = 3600

END_RETRY_SECONDS = (0.5, 1, 2)
"""Delays between retries of writing an attempt's end, shorter if the function's time is nearly over."""

DUE = "due"
"""The listing of unfinished generations, by the time when the sweeper must look at them."""

DUE_PAGE = 50

ENTRY_TRIES = 3
"""How often a write is tried whose key's entry has changed."""


class Changed(Exception):
    """The record was changed since it was read, so nothing was written."""


class Outdated(Changed):
    """Another record that the change relies on was changed since it was read."""


@dataclass(frozen=True)
class GenerationStore:
    """The records in the table. A job has `job_seconds` to finish; a finished record is kept for
    `retention_seconds`."""

    table: ports.Table
    keys: Keys
    ledger: Ledger
    open_jobs: OpenJobs
    retention_seconds: int
    job_seconds: int
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def find(self, generation_id: str) -> GenerationRecord | None:
        """The record, if it exists. Raises DependencyUnavailable, InternalError if it is malformed."""
        with table_needed():
            record = self.table.get(key(generation_id))
        return _parsed(generation_id, record) if record else None

    def due(self) -> Iterator[str]:
        """The ids of unfinished generations that are due, the longest due first. Raises TableError."""
        until, page = self.now(), Page((), None)
        while True:
            page = self.table.listed(DUE, DUE_PAGE, until=until, start=page.next)
            yield from [record[KEY].removeprefix(key("")) for record in page.records]
            if page.next is None:
                return

    def deadline(self, record: GenerationRecord) -> float:
        """When a job is given up, in epoch seconds."""
        return record.created_at + self.job_seconds

    def begin(self, record: GenerationRecord, reserved: int, deadline: Deadline) -> GenerationRecord:
        """Acquires the generation for a new attempt, and reserves `reserved` micro-dollars. Raises Changed,
        BudgetExhausted, DependencyUnavailable; then nothing is reserved."""
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
        """Ends the attempt with the changes that `change` returns, and settles its reservation, `in_full` if it is
        unknown what was billed. Raises Changed if the attempt has lost the generation, DependencyUnavailable."""
        held, revision = attempt.record, secrets.token_hex(8)

        def write() -> GenerationRecord:
            record = held
            while True:
                settled = settlement(record, attempt.calls, in_full=in_full)
                try:
                    return self._save(record, {**settled, **change(record), "revision": revision}, notes)
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

    def change(self, record: GenerationRecord, relied: Sequence[Check] = (), /, **changes: object) -> GenerationRecord:
        """Changes a record that no attempt runs. A new status settles the reservation of a crashed attempt: what it
        paid is unknown, so all of it counts as spent. Raises Changed, Outdated if a check in `relied` fails,
        BudgetExhausted, DependencyUnavailable."""
        if "status" in changes and record.status == "running":
            metrics.add_metric(name="ReservationExpired", unit=MetricUnit.Count, value=1)
            logger.warning(
                "A crashed attempt's reservation counts as spent", generation_id=record.id, micros=record.reserved
            )
            changes = {**settlement(record, (), in_full=True), "failures": record.failures + 1, **changes}
        return self._save(record, changes, (), relied)

    def set_aside(self, generation_id: str) -> None:
        """Lists a malformed record again at the latest deadline of its job, by when its cause may be fixed; then
        abandons it. Raises TableError, ConditionFailed if another sweep has abandoned it."""
        record = self.table.get(key(generation_id))
        if record is None:
            return
        expires_at = record.get(EXPIRY, self._unfinished_until())
        again_at = expires_at - self.retention_seconds
        if again_at > self.now():
            later = _without(record, KEY, EXPIRY) | {LISTED_AT: again_at}
            self.table.write([Put(record[KEY], later, expires_at)], secrets.token_hex(8))
        else:
            self._abandon(record, expires_at)

    def _abandon(self, record: Record, expires_at: int) -> None:
        """Removes a malformed record from the listing and from its owner's open jobs, and its prompt."""
        rest = _without(record, KEY, EXPIRY, LISTING, LISTED_AT, "request", "is_open")
        is_counted = record.get("is_open") is True and "owner" in record
        released = [self.open_jobs.release(record["owner"])] if is_counted else []
        condition = Equal("is_open", value=True) if is_counted else None
        self.table.write([Put(record[KEY], rest, expires_at, condition), *released], secrets.token_hex(8))

    def _save(
        self,
        before: GenerationRecord,
        changes: Mapping[str, object],
        notes: Sequence[Put],
        relied: Sequence[Check] = (),
    ) -> GenerationRecord:
        changed = before.model_copy(update={"revision": secrets.token_hex(8), **changes})
        if not (before.is_over and changed.is_over):
            changed = changed.model_copy(
                update=self._times(changed) | (delivery.ending(changed) if changed.is_over else {})
            )
        return self._write(before, changed, notes, relied)

    def _times(self, record: GenerationRecord) -> dict[str, object]:
        """When the sweeper must look at the record, and when it expires; an unfinished record expires long after its
        deadline."""
        now = self.now()
        if record.is_over:
            expires_at = int(now) + self.retention_seconds
            return {"ended_at": now, "due_at": None, "waiting": None, "is_open": False, "expires_at": expires_at}
        resend_at = max(record.retry_at, now) + min(RESEND_SECONDS * 2**record.resends, LONGEST_RESEND_SECONDS)
        due_at = record.lease_until if record.status == "running" else min(resend_at, self.deadline(record))
        return {"due_at": due_at, "expires_at": self._unfinished_until()}

    def _unfinished_until(self) -> int:
        return int(self.now()) + self.job_seconds + self.retention_seconds

    def _write(
        self,
        before: GenerationRecord,
        after: GenerationRecord,
        notes: Sequence[Put],
        relied: Sequence[Check],
        tries: int = ENTRY_TRIES,
    ) -> GenerationRecord:
        condition = Equal("revision", before.revision) if before.revision else Absent(self.now())
        checks = self.keys.checks(before, after)
        jobs, totals = self.open_jobs.changes(before, after), self.ledger.changes(before, after)
        written: list[Change] = [put(after, condition), *checks, *jobs, *totals]
        all_written = [*written, *notes, *self._deliveries(before, after)]
        try:
            self.table.write([*all_written, *relied], secrets.token_hex(8))
        except ConditionFailed as failed:
            first = min(failed.places)
            if first == 0:
                return self._recognised(before, after, Changed())
            if first <= len(checks):
                self._renew(after.owner, tries)
                return self._write(before, after, notes, relied, tries - 1)
            if first <= len(checks) + len(jobs):
                raise self.open_jobs.refusal(after.owner) from None
            if first < len(written):
                raise self.ledger.exhausted(before, after) from None
            if first >= len(all_written):
                raise Outdated from None
            missing = [note for place, note in enumerate(notes, len(written)) if place not in failed.places]
            return self._write(before, after, missing, relied, tries)
        except TableError as error:
            return self._recognised(before, after, table_down(error))
        return after

    def _renew(self, owner: str, tries: int) -> None:
        """Reads the key's entry again, which has changed since. Raises DependencyUnavailable if it does not stay."""
        if tries == 0:
            raise DependencyUnavailable(
                "What the operator has set for this key could not be applied, so nothing was generated or paid. Send "
                "the request again."
            )
        self.keys.renew(owner)

    def _deliveries(self, before: GenerationRecord, after: GenerationRecord) -> list[Put]:
        new = delivery.of_end(before, after, self.retention_seconds)
        return [write for each in new for write in delivery.puts(each)]

    def _recognised(self, before: GenerationRecord, after: GenerationRecord, otherwise: Exception) -> GenerationRecord:
        """The record in the table, if this write was applied although its answer was lost. Another request may have
        joined the attempt since. Raises `otherwise`."""
        try:
            found = self.find(after.id)
        except DependencyUnavailable:
            raise otherwise from None
        if found and found.revision == after.revision:
            return found
        if found and found.status == "running" and before.attempt != after.attempt == found.attempt:
            return found
        raise otherwise


def _without(record: Record, *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def put(record: GenerationRecord, condition: Condition | None) -> Put:
    """The write of a record. Unfinished records are listed as due."""
    attributes = record.model_dump(mode="json", exclude={"id", "expires_at", "request"}, exclude_none=True)
    if record.request and record.is_job and not record.is_over:
        attributes["request"] = record.request.model_dump(mode="json", exclude_unset=True)
    if record.due_at is not None:
        attributes |= {LISTING: DUE, LISTED_AT: record.due_at}
    return Put(key(record.id), attributes, record.expires_at, condition)


def _parsed(generation_id: str, record: Record) -> GenerationRecord:
    """Parses a record of the table. Raises InternalError if it is malformed, and logs that as a bug."""
    try:
        return GenerationRecord.model_validate({**record, "id": generation_id, "expires_at": record.get(EXPIRY)})
    except ValidationError as error:
        log_bug(error)
        raise InternalError from None
