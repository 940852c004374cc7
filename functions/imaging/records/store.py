"""Writes generation records: each change under the condition that nobody else changed the record since it was read.

Begin and end of an attempt are one transaction each, of the record and the month's totals. A write whose answer was
lost is recognised by its revision.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from aws_lambda_powertools.metrics import MetricUnit

from aws.table import (
    EXPIRY,
    KEY,
    LISTED_AT,
    LISTING,
    Absent,
    Change,
    ConditionFailed,
    Equal,
    Page,
    Put,
    Record,
    TableError,
)
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted, DependencyUnavailable, table_down
from imaging.records import record as records
from imaging.records.attempt import Attempt
from imaging.records.ledger import Ledger, Posting
from imaging.records.record import DUE, GenerationRecord, ModelCall
from imaging.requests.request import MAX_SEED
from imaging.requests.submission import Submission
from observability import logger, metrics

LEASE_MARGIN_SECONDS = 5
"""How much longer than its function may run an attempt has the generation."""

RESEND_SECONDS = 300
"""When a queued job's message is sent again, if nobody has taken it; twice as late each time."""

LONGEST_RESEND_SECONDS = 3600

END_RETRY_SECONDS = (0.5, 1, 2)
"""Pauses before an attempt's end is written again."""

DUE_PAGE = 50

MOST_CALLS = 100
"""The model calls that a record keeps, so that its size does not grow with its repeats."""


class RecordTable(Protocol):
    """Raises TableError."""

    def get(self, key: str) -> Record | None: ...
    def write(self, changes: Sequence[Change], token: str) -> None: ...
    def listed(self, listing: str, limit: int, *, until: float | None = None, start: Record | None = None) -> Page: ...


class Changed(Exception):
    """Somebody else changed the record since it was read; nothing was written."""


@dataclass(frozen=True)
class GenerationStore:
    """The records in the table. A job is worked at for `job_seconds`, a finished one kept for `retention_seconds`."""

    table: RecordTable
    ledger: Ledger
    retention_seconds: int
    job_seconds: int
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def find(self, generation_id: str) -> GenerationRecord | None:
        """The record, if there is one. Raises DependencyUnavailable, InternalError where it is malformed."""
        try:
            record = self.table.get(records.key(generation_id))
        except TableError as error:
            raise table_down(error) from error
        return records.read(generation_id, record) if record else None

    def due(self) -> Iterator[str]:
        """Ids of unfinished generations that somebody must look after now, the longest due first. Raises TableError."""
        until, page = self.now(), Page((), None)
        while True:
            page = self.table.listed(DUE, DUE_PAGE, until=until, start=page.next)
            yield from [records.id_of(record["id"]) for record in page.records]
            if page.next is None:
                return

    def deadline(self, record: GenerationRecord) -> float:
        """When a job is given up."""
        return record.created_at + self.job_seconds

    def new(self, submission: Submission, *, is_job: bool, previous: GenerationRecord | None) -> GenerationRecord:
        """The record of a generation that starts, not written yet; of a `previous` one only its calls are kept."""
        seed = submission.request.seed
        return GenerationRecord(
            id=submission.generation_id,
            owner=submission.caller,
            request_hash=submission.request_hash,
            is_keyed=submission.is_keyed,
            is_job=is_job,
            created_at=self.now(),
            expires_at=0,
            epoch=secrets.token_hex(8),
            status="queued",
            request=submission.request.model_dump(mode="json", exclude_unset=True) if is_job else None,
            requested=submission.request.number_of_images,
            first_seed=secrets.randbelow(MAX_SEED) + 1 if seed is None else seed,
            spent=previous.spent if previous else 0,
            calls=previous.calls if previous else (),
        )

    def queue(self, previous: GenerationRecord | None, base: GenerationRecord) -> GenerationRecord:
        """Makes a job of it, for a worker to begin. Raises Changed, DependencyUnavailable."""
        lost, postings = _lost(previous)
        following = base.following(
            **lost,
            status="queued",
            attempt=None,
            lease_until=0,
            reserved=0,
            due_at=min(self.now() + RESEND_SECONDS, self.deadline(base)),
            expires_at=self._unfinished_until(),
        )
        return self._write(previous, following, postings)

    def begin(
        self, previous: GenerationRecord | None, base: GenerationRecord, reserved: int, deadline: Deadline
    ) -> GenerationRecord:
        """Gives the generation to a new attempt, and reserves what it may cost. What a dead attempt had reserved counts
        as spent. Raises Changed, BudgetExhausted, DependencyUnavailable; then nothing is reserved."""
        lost, postings = _lost(previous)
        lease_until = self.now() + deadline.remaining() + LEASE_MARGIN_SECONDS
        following = base.following(
            **lost,
            status="running",
            attempt=secrets.token_hex(8),
            attempts=base.attempts + 1,
            lease_until=lease_until,
            due_at=lease_until,
            retry_at=0,
            waiting=None,
            started_at=base.started_at or self.now(),
            month=self.ledger.month(),
            reserved=reserved,
            expires_at=self._unfinished_until(),
        )
        if self.ledger.exceeds(reserved):
            if self.find(base.id) != previous:
                raise Changed
            raise self._exhausted(following, postings)
        return self._write(previous, following, [*postings, Posting.reservation(following.month, reserved)])

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
        record = attempt.record
        while True:
            spent = record.reserved if in_full else attempt.spent
            images = sum(call.images for call in attempt.calls)
            settled: dict[str, Any] = {
                "lease_until": 0,
                "reserved": 0,
                "due_at": None,
                "spent": record.spent + spent,
                "calls": [*record.calls, *attempt.calls][-MOST_CALLS:],
                "possibly_rebilled": record.possibly_rebilled or (record.has_lost_attempt and bool(attempt.calls)),
            }
            following = record.following(**{**settled, **change(record)})
            posting = Posting.settlement(record.month, record.reserved, spent, images)
            try:
                return self._patiently(partial(self._write, record, following, [posting], notes), attempt.deadline)
            except Changed:
                record = self._patiently(partial(self._still_held, attempt), attempt.deadline)

    def change(self, record: GenerationRecord, **changes: object) -> GenerationRecord:
        """Changes a record that no attempt has; a new status settles what a dead attempt had reserved. Raises Changed,
        DependencyUnavailable."""
        lost, postings = _lost(record) if "status" in changes else ({}, [])
        reserved = {"reserved": 0} if postings else {}
        return self._write(record, record.following(**{**lost, **reserved, **changes}), postings)

    def postpone(self, record: GenerationRecord) -> GenerationRecord:
        """Notes that a due job's message was sent again. Raises Changed, DependencyUnavailable."""
        pause = min(RESEND_SECONDS * 2 ** min(record.resends + 1, 10), LONGEST_RESEND_SECONDS)
        due_at = min(self.now() + pause, self.deadline(record))
        return self.change(record, due_at=due_at, resends=record.resends + 1)

    def over(self) -> dict[str, Any]:
        """What every finished generation has in common: it is not due, and its request, with the prompt, is gone."""
        return {
            "ended_at": self.now(),
            "due_at": None,
            "request": None,
            "waiting": None,
            "retry_at": 0,
            "lease_until": 0,
            "expires_at": int(self.now()) + self.retention_seconds,
        }

    def unlist(self, generation_id: str) -> None:
        """Takes a malformed record off the list of what is due, so that it is looked at only once. Raises
        TableError."""
        record = self.table.get(records.key(generation_id))
        if record is not None:
            kept = {name: value for name, value in record.items() if name not in {KEY, EXPIRY, LISTING, LISTED_AT}}
            expires_at = record.get(EXPIRY, self._unfinished_until())
            self.table.write([Put(record[KEY], kept, expires_at)], secrets.token_hex(8))

    def _patiently(self, action: Callable[[], GenerationRecord], deadline: Deadline) -> GenerationRecord:
        """What was paid for is written, again while time remains."""
        for pause in END_RETRY_SECONDS:
            try:
                return action()
            except DependencyUnavailable:
                if not deadline.leaves(pause):
                    raise
                self.sleep(pause)
        return action()

    def _still_held(self, attempt: Attempt) -> GenerationRecord:
        found = self.find(attempt.record.id)
        if found is None or found.attempt != attempt.record.attempt or found.status != "running":
            raise Changed
        return found

    def _write(
        self,
        previous: GenerationRecord | None,
        following: GenerationRecord,
        postings: Sequence[Posting] = (),
        notes: Sequence[Put] = (),
    ) -> GenerationRecord:
        condition = Equal("revision", previous.revision) if previous else Absent(self.now())
        totals = self.ledger.changes(following.owner, postings)
        missing = [replace(note, condition=note.condition or Absent(self.now())) for note in notes]
        try:
            self.table.write([replace(following.put(), condition=condition), *totals, *missing], secrets.token_hex(8))
        except ConditionFailed as failed:
            if 0 in failed.places:
                return self._recognised(previous, following, Changed())
            if any(place <= len(totals) for place in failed.places):
                raise self._exhausted(following, postings) from None
            there = {place - len(totals) - 1 for place in failed.places}
            still = [self._still_missing(note) if place in there else note for place, note in enumerate(missing)]
            return self._write(previous, following, postings, [note for note in still if note])
        except TableError as error:
            return self._recognised(previous, following, table_down(error))
        return following

    def _exhausted(self, following: GenerationRecord, postings: Sequence[Posting]) -> BudgetExhausted:
        """Why the caps refused the reservation; what a dead attempt had reserved counts as spent already."""
        lost = sum(posting.spent for posting in postings if posting.month == following.month)
        return self.ledger.exhausted(following.owner, following.reserved, lost)

    def _still_missing(self, note: Put) -> Put | None:
        """The write of an image's record in the place of an earlier epoch's; None where it is written already."""
        try:
            found = self.table.get(note.key)
        except TableError as error:
            raise table_down(error) from error
        if found is None:
            return replace(note, condition=Absent(self.now()))
        if found.get("epoch") == note.record["epoch"]:
            return None
        told_by = "epoch" if "epoch" in found else "owner"
        return replace(note, condition=Equal(told_by, found[told_by]))

    def _recognised(
        self, previous: GenerationRecord | None, following: GenerationRecord, otherwise: Exception
    ) -> GenerationRecord:
        """The record in the table, if it is this write's after all: its answer was lost. Raises `otherwise`."""
        try:
            found = self.find(following.id)
        except DependencyUnavailable:
            raise otherwise from None
        if found is not None and _is_same_write(previous, found, following):
            return found
        raise otherwise

    def _unfinished_until(self) -> int:
        """When the table may forget an unfinished generation: long after its deadline has ended it."""
        return int(self.now()) + self.job_seconds + self.retention_seconds


def _is_same_write(previous: GenerationRecord | None, found: GenerationRecord, following: GenerationRecord) -> bool:
    """By its revision; where it began an attempt also by that, because somebody may have joined it since."""
    if found.revision == following.revision:
        return True
    begins = previous is None or previous.attempt != following.attempt
    return begins and following.status == found.status == "running" and following.attempt == found.attempt


def _lost(record: GenerationRecord | None) -> tuple[dict[str, Any], list[Posting]]:
    """What an attempt that died leaves: nobody knows what it paid, so all that it had reserved counts as spent."""
    if record is None or record.status != "running":
        return {}, []
    metrics.add_metric(name="ReservationLapsed", unit=MetricUnit.Count, value=1)
    logger.warning(
        "An attempt died, and its reservation counts as spent", generation_id=record.id, micros=record.reserved
    )
    call = ModelCall(
        at=record.lease_until,
        model="",
        images=1,
        price_micros=record.reserved,
        outcome="unknown",
    )
    changes = {
        "spent": record.spent + record.reserved,
        "calls": [*record.calls, call][-MOST_CALLS:],
        "failures": record.failures + 1,
        "has_lost_attempt": True,
        "possibly_rebilled": record.possibly_rebilled or record.has_lost_attempt,
    }
    return changes, [Posting.settlement(record.month, record.reserved, record.reserved, 0)]
