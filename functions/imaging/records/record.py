"""One generation, one record: its lock, ledger entry, job and replay at once.

              ┌──────────────────────────── requeue (throttled, failed) ───┐
              v                                                            │
absent ──> queued ──────────────────── begin ──────────────────────────> running ──> succeeded
  │           └──> cancelled, failed, succeeded (by its deadline)          ^  │
  └──────────────── begin (a caller waits) ────────────────────────────────┘  └────> failed

docs/architecture.md has each transition's condition, and what a crash at each point leaves.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from aws.table import EXPIRY, LISTED_AT, LISTING, Condition, Put, Record
from imaging import errors
from imaging.errors import ImagingError, InternalError
from imaging.requests.request import MAX_SEED, GenerationRequest
from imaging.requests.result import DeletedImage, Generation, GenerationWarning, ImageFacts, StoredImage
from imaging.requests.submission import Submission
from observability import log_bug

DUE = "due"
"""The listing of unfinished generations, by the time when somebody must look after them."""

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


MOST_CALLS = 100
"""The model calls that a record keeps, so that its size does not grow with its repeats."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class Failure(_Stored):
    """Why a generation came to nothing, or waits, as a problem document says it."""

    code: str
    detail: str
    aws_error: str | None = None

    @classmethod
    def of(cls, error: ImagingError) -> "Failure":
        return cls(code=error.code, detail=error.detail, aws_error=error.aws_error)

    def as_error(self) -> ImagingError:
        return errors.recalled(self.code, self.detail, self.aws_error)


class ModelCall(_Stored):
    """A model call that may have been billed: `images` at `price_micros` each. `request_id` is Bedrock's; without one
    nobody knows what became of the call."""

    at: float
    model: str
    images: int
    price_micros: int
    seed: int | None = None
    request_id: str | None = None
    outcome: str = "answered"

    @property
    def micros(self) -> int:
        return self.images * self.price_micros


class GenerationRecord(_Stored):
    """A generation as the table keeps it. Times are epoch seconds, amounts micro-dollars.

    `epoch` is drawn anew whenever the generation starts over for another request, so that images of the former one are
    not taken for its own. `revision` is the token of the last write, `attempt` that of the attempt that has or had the
    generation, until `lease_until`. The table keeps the `request` of an unfinished job only. `settled` holds what is
    decided of each image by its index, and `model` who made them. An attempt is lost if it died: nobody knows what it
    paid.
    """

    id: str
    owner: str
    request_hash: str
    is_keyed: bool
    is_job: bool
    is_joined: bool = False
    created_at: float
    expires_at: int
    epoch: str
    revision: str = ""
    status: Status
    request: GenerationRequest | None = None
    requested: int
    first_seed: int
    attempt: str | None = None
    lease_until: float = 0
    due_at: float | None = None
    retry_at: float = 0
    waiting: Failure | None = None
    started_at: float | None = None
    ended_at: float | None = None
    attempts: int = 0
    failures: int = 0
    throttles: int = 0
    resends: int = 0
    month: str = ""
    reserved: int = 0
    spent: int = 0
    images_billed: int = 0
    calls: Sequence[ModelCall] = ()
    model: str | None = None
    warnings: Sequence[GenerationWarning] = ()
    settled: Mapping[int, ImageFacts] = {}
    result: Generation | None = None
    failure: Failure | None = None
    remembered_until: float = 0
    has_lost_attempt: bool = False
    possibly_rebilled: bool = False

    @classmethod
    def new(cls, submission: Submission, now: float, *, is_job: bool) -> Self:
        """A generation that starts, not written yet."""
        request = submission.request
        return cls(
            id=submission.generation_id,
            owner=submission.caller,
            request_hash=submission.request_hash,
            is_keyed=submission.is_keyed,
            is_job=is_job,
            created_at=now,
            expires_at=0,
            epoch=secrets.token_hex(8),
            status="queued",
            request=request,
            requested=request.number_of_images,
            first_seed=secrets.randbelow(MAX_SEED) + 1 if request.seed is None else request.seed,
        )

    @model_validator(mode="after")
    def _can_go_on(self) -> Self:
        if self._needs_request and self.request is None:
            raise ValueError("an unfinished job without its request")
        return self

    @property
    def _needs_request(self) -> bool:
        return self.is_job and not self.is_over

    @property
    def is_over(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}

    def is_dead(self, now: float) -> bool:
        """Whether an attempt had it that can no longer run."""
        return self.status == "running" and self.lease_until <= now

    @property
    def has_images(self) -> bool:
        return any(isinstance(facts, StoredImage | DeletedImage) for facts in self.settled.values())

    def asked_for(self) -> GenerationRequest:
        """The request, where it is known still. Raises InternalError."""
        if self.request is None:
            raise InternalError
        return self.request

    def only(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}

    def settlement(self, calls: Sequence[ModelCall], *, in_full: bool = False) -> dict[str, Any]:
        """What changes when an attempt ends: its reservation is over, and what its calls may have cost is spent, or all
        that was reserved, `in_full`, where nobody knows what was billed."""
        if in_full:
            rest = self.reserved - sum(call.micros for call in calls)
            calls = [*calls, ModelCall(at=self.lease_until, model="", images=1, price_micros=rest, outcome="unknown")]
        return {
            "reserved": 0,
            "spent": self.spent + sum(call.micros for call in calls),
            "images_billed": self.images_billed + sum(call.images for call in calls if call.model),
            "calls": [*self.calls, *calls][-MOST_CALLS:],
            "has_lost_attempt": self.has_lost_attempt or in_full,
            "possibly_rebilled": self.possibly_rebilled or (self.has_lost_attempt and bool(calls)),
        }

    def put(self, condition: Condition) -> Put:
        """What writes it; unfinished ones are listed as due."""
        record = self.model_dump(mode="json", exclude={"id", "expires_at", "request"}, exclude_none=True)
        if self.request and self._needs_request:
            record["request"] = self.request.model_dump(mode="json", exclude_unset=True)
        if self.due_at is not None:
            record |= {LISTING: DUE, LISTED_AT: self.due_at}
        return Put(key(self.id), record, self.expires_at, condition)


def read(generation_id: str, record: Record) -> GenerationRecord:
    """The record in the table. Raises InternalError where it is malformed, which is a logged bug."""
    try:
        return GenerationRecord.model_validate({**record, "id": generation_id, "expires_at": record.get(EXPIRY)})
    except ValidationError as error:
        log_bug(error)
        raise InternalError from None


def key(generation_id: str) -> str:
    return f"generation#{generation_id}"


def id_of(key: str) -> str:
    return key.removeprefix("generation#")
