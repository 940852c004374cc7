"""Past defects of the money path: each context manager reintroduces one of them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from aws.queue import QueueError
from aws.table import Add, Check, Put
from imaging import generations
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, ImagingError, InternalError, ModelError, StorageFailed
from imaging.generations import Delivery, Generations
from imaging.images.gallery import Gallery, Origin
from imaging.jobs import Jobs
from imaging.making import outcome
from imaging.making.outcome import Outcome
from imaging.records.keys import Keys
from imaging.records.ledger import Ledger
from imaging.records.open_jobs import OpenJobs
from imaging.records.record import Failure, GenerationRecord
from imaging.records.store import Changed, GenerationStore
from imaging.requests.submission import Submission
from imaging.retries import Retries
from tests.simulation.world import replaced

Change = tuple[object, str, object]


@dataclass(frozen=True)
class Defect:
    """`finding` is its number in the list of 2026-11; `seen_as` is what the simulation says of it, within `seeds` runs
    under these `parameters`."""

    finding: str
    what: str
    changes: tuple[Change, ...]
    seen_as: str
    seeds: int = 150
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.finding} {self.what}"

    def installed(self) -> AbstractContextManager[None]:
        return replaced(*self.changes)


def _found_for_nothing(self: Gallery, *arguments: Any, **named: Any) -> Mapping[int, Any]:  # noqa: ANN401 - as it is called
    _found(self, *arguments, **named)
    return {}


_found = Gallery.found


def _any_body_base(
    self: Generations,
    submission: Submission,
    found: GenerationRecord | None,
    *,
    is_job: bool,
) -> GenerationRecord:
    same = found and found.model_copy(update={"request_hash": submission.request_hash})
    return _base(self, submission, same, is_job=is_job)


def _is_any_body_under_way(self: Generations, submission: Submission, found: GenerationRecord) -> bool:
    other = found.request_hash != submission.request_hash
    return not (other and found.status in {"failed", "cancelled"}) and _is_in_progress(self, submission, found)


_base, _is_in_progress = Generations._base, Generations._is_in_progress  # noqa: SLF001 - what a defect changes


def _releasing_begin(self: GenerationStore, record: GenerationRecord, *arguments: Any) -> GenerationRecord:  # noqa: ANN401 - as it is called
    try:
        return _begin(self, record, *arguments)
    except DependencyUnavailable:
        if found := self.find(record.id):
            self.change(found, status="failed", failure=Failure.of(InternalError()))
        raise


_begin = GenerationStore.begin


def _cancelling_change(
    self: GenerationStore, record: GenerationRecord, relied: Sequence[Check] = (), /, **changes: object
) -> GenerationRecord:
    found = self.find(record.id) if changes == {"status": "cancelled", "webhooks": ()} else None
    return _change(self, found if found and not found.is_over else record, relied, **changes)


_change = GenerationStore.change


def _never_sent(self: Generations, job: GenerationRecord) -> QueueError | None:
    error = _send(self, job)
    return error and QueueError(error.code, status=403)


_send = Generations.send


def _never_final(self: Generations, record: GenerationRecord, error: ImagingError) -> dict[str, Any] | None:
    return _waiting(self, record, ModelError(error.detail) if isinstance(error, StorageFailed) else error)


def _without_refused(self: Outcome) -> Mapping[int, Any]:
    refused = {one.slot.index for one in self.made if isinstance(one.error, StorageFailed)}
    return {index: facts for index, facts in _settled(self).items() if index not in refused}


_waiting, _settled = Generations.waiting, Outcome.settled


def _nothing_swept(self: Jobs, deadline: Deadline) -> int:  # noqa: ARG001 - as it is called
    return 0


def _unconditional(
    self: GenerationStore,
    before: GenerationRecord,
    after: GenerationRecord,
    notes: Sequence[Put],
    relied: Sequence[Check],
    tries: int = 3,
) -> GenerationRecord:
    try:
        return _write(self, before, after, notes, relied, tries)
    except Changed:
        return _write(self, self.find(after.id) or before, after, notes, relied, tries)


_write = GenerationStore._write  # noqa: SLF001 - what a defect changes


def _no_lookup(self: Gallery, image_id: str, origin: Origin) -> None:
    pass


def _not_recognised(self: GenerationStore, before: Any, after: Any, otherwise: Exception) -> Any:  # noqa: ANN401, ARG001 - as it is called
    raise otherwise


def _waiting_for_others(self: Generations, submission: Submission, found: GenerationRecord) -> bool:
    return not found.is_over or _is_in_progress(self, submission, found)


def _replayed_for_ever(self: Generations, found: GenerationRecord | None) -> Delivery | None:
    return _replay(self, found and found.model_copy(update={"is_keyed": True}))


_replay = Generations._replay  # noqa: SLF001 - what a defect changes


def _last_try(self: Retries, tries: Any, retry: int) -> Any:  # noqa: ANN401, ARG001 - as it is called
    return tries[-1] if retry and tries else None


def _lost_for_nothing(self: Ledger, before: GenerationRecord, after: GenerationRecord) -> list[Add]:
    lost = after.spent - before.spent if after.has_lost_attempt and not before.has_lost_attempt else 0
    kept = {"reserved": 0, "spent": before.spent + lost} if lost else {}
    return _changes(self, before.model_copy(update=kept), after)


_changes = Ledger.changes


def _never_released(self: OpenJobs, before: GenerationRecord, after: GenerationRecord) -> list[Add]:
    return [] if before.is_open and after.status == "cancelled" else _jobs(self, before, after)


def _without_cap(self: OpenJobs, before: GenerationRecord, after: GenerationRecord) -> list[Add]:
    return [replace(change, condition=None) for change in _jobs(self, before, after)]


_jobs = OpenJobs.changes

DEFECTS = (
    Defect(
        "1",
        "a waiting job forgets what it has made",
        ((Outcome, "settled", lambda _: {}), (Gallery, "found", _found_for_nothing)),
        "images that lie in the bucket|pictures that were paid for",
    ),
    Defect(
        "2",
        "another body under the same key resumes the first one's images",
        ((Generations, "_base", _any_body_base), (Generations, "_is_in_progress", _is_any_body_under_way)),
        "got an image of",
    ),
    Defect(
        "3",
        "a write that fails releases the lock of who runs",
        ((GenerationStore, "begin", _releasing_begin),),
        "lives and was taken over|is committed|another live attempt",
    ),
    Defect(
        "4",
        "an error of sending cancels a job that somebody was told of",
        ((Generations, "send", _never_sent), (GenerationStore, "change", _cancelling_change)),
        "cancelled by nobody|lives and was taken over|says nothing of",
    ),
    Defect(
        "5",
        "a job tries again what its bucket refused",
        ((Generations, "waiting", _never_final), (Outcome, "settled", _without_refused)),
        "pictures that were paid for",
    ),
    Defect(
        "6",
        "an image's record that was refused is not written with the outcome",
        ((Outcome, "notes", property(lambda _: [])),),
        "is in the list of nobody|says nothing of",
    ),
    Defect(
        "7",
        "the lease ends while its function runs",
        ((Deadline, "remaining", lambda _: 3.0),),
        "lives and was taken over|another live attempt",
    ),
    Defect(
        "8",
        "a write whose answer was lost counts as another's",
        ((GenerationStore, "_recognised", _not_recognised),),
        "lost without need",
    ),
    Defect("9", "no sweeper looks after a job whose messages are gone", ((Jobs, "sweep", _nothing_swept),), "at rest"),
    Defect(
        "9",
        "a job is forgotten while it is worked at",
        ((GenerationStore, "_unfinished_until", lambda self: int(self.now()) + 600),),
        "at rest|never settled",
        parameters={"JOB_HOURS": "6"},
    ),
    Defect(
        "10",
        "what a lost attempt had reserved stays reserved",
        ((Ledger, "changes", _lost_for_nothing),),
        "a reservation without an attempt|is counted|is committed",
    ),
    Defect(
        "11",
        "a failure that was billed is not remembered",
        ((outcome, "FAILURE_SECONDS", 0),),
        "right after a failure that was billed",
    ),
    Defect(
        "18",
        "a late copy of a request starts the job that was cancelled",
        ((generations, "CANCELLATION_SECONDS", 0),),
        "right after Stop",
    ),
    Defect(
        "12",
        "a job that is given up drops its images",
        ((Generations, "_remaining", lambda *_: None),),
        "says nothing of",
    ),
    Defect("13", "every retry takes the last request of its kind", ((Retries, "_retried", _last_try),), "share"),
    Defect(
        "14",
        "another body under the key of a running request waits for it",
        ((Generations, "_is_in_progress", _waiting_for_others),),
        "waited for another request|got an image of",
    ),
    Defect(
        "15",
        "an object without a record is not looked for",
        ((Gallery, "_in_bucket", _no_lookup),),
        "images that lie in the bucket|is in the list of nobody|says nothing of",
    ),
    Defect(
        "16",
        "keyless requests are remembered for a day",
        ((Generations, "_replay", _replayed_for_ever),),
        "is remembered after",
    ),
    Defect(
        "16",
        "a conflict of writes is ignored",
        ((GenerationStore, "_write", _unconditional),),
        "another live attempt|taken over|ended|is counted|lie in the bucket|at rest|KeyError",
    ),
    Defect(
        "17",
        "a cancelled job counts as unfinished for ever",
        ((OpenJobs, "changes", _never_released),),
        "count as unfinished",
    ),
    Defect(
        "17",
        "one job too many is accepted",
        ((OpenJobs, "changes", _without_cap),),
        "above the cap",
    ),
    Defect(
        "19",
        "a key's entry is remembered and not checked",
        ((Keys, "checks", lambda *_: []),),
        "above the cap",
    ),
)
