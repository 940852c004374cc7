"""The record of a generation, which is its lock, ledger entry, job and replay.

              ┌──────────────────────────── requeue (throttled, failed) ───┐
              v                                                            │
absent ──> queued ──────────────────── begin ──────────────────────────> running ──> succeeded
  │           └──> cancelled, failed, succeeded (by its deadline)          ^  │
  └──────────────── begin (a caller waits) ────────────────────────────────┘  └────> failed

docs/architecture.md describes the condition of each transition, and what remains after a crash at each point.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from imaging import errors
from imaging.errors import FieldError, ImagingError, InternalError, InvalidRequest
from imaging.requests.request import MAX_SEED, GenerationRequest
from imaging.requests.result import (
    DeletedImage,
    Generation,
    GenerationWarning,
    ImageFacts,
    StoredImage,
    without_facts,
)
from imaging.requests.submission import Submission
from imaging.requests.webhook import Webhook

MAX_WEBHOOKS = 5

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class Failure(_Stored):
    """Why a generation failed or waits, as the fields of a problem document."""

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
    the outcome of the call is unknown."""

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
    """A generation in the table. Times are epoch seconds, amounts micro-dollars.

    `is_open` says whether it counts among its owner's open jobs. `epoch` is new whenever the generation starts over, so
    that images of the former epoch are not taken for its own. `revision` is the token of the last write. `attempt` is
    the token of the current or last attempt, whose lease ends at `lease_until`. The table stores the `request` of
    unfinished jobs only. `settled` has the facts of each image that needs no further model call, by index, and `model`
    is the model that made them. Until `remembered_until`, a billed failure or a keyed cancellation answers the same
    request. An attempt is lost if its function crashed, so that it is unknown what it paid. When a job
    ends, it is sent to its `webhooks`, each by one of the `deliveries`.
    """

    id: str
    owner: str
    request_hash: str
    is_keyed: bool
    is_job: bool
    is_joined: bool = False
    is_open: bool = False
    created_at: float
    expires_at: int = 0
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
    webhooks: Sequence[Webhook] = ()
    deliveries: Sequence[str] = ()

    @classmethod
    def new(cls, submission: Submission, now: float, *, is_job: bool) -> Self:
        """A new generation, not written yet."""
        request = submission.request
        return cls(
            id=submission.generation_id,
            owner=submission.caller,
            request_hash=submission.request_hash,
            is_keyed=submission.is_keyed,
            is_job=is_job,
            created_at=now,
            epoch=secrets.token_hex(8),
            status="queued",
            request=request,
            requested=request.number_of_images,
            first_seed=secrets.randbelow(MAX_SEED) + 1 if request.seed is None else request.seed,
            webhooks=[submission.webhook] if submission.webhook else [],
        )

    @model_validator(mode="after")
    def _can_go_on(self) -> Self:
        if self.is_job and not self.is_over and self.request is None:
            raise ValueError("an unfinished job without its request")
        return self

    @property
    def is_over(self) -> bool:
        return self.status in {"succeeded", "failed", "cancelled"}

    def is_lost(self, now: float) -> bool:
        """Whether the lease of its attempt has expired, so that the function has crashed or timed out."""
        return self.status == "running" and self.lease_until <= now

    @property
    def new_deliveries(self) -> Sequence[str]:
        """The deliveries of the end that was written last."""
        return self.deliveries[-len(self.webhooks) :] if self.webhooks else ()

    def with_webhook(self, webhook: Webhook | None) -> Sequence[Webhook]:
        """The receivers, with another one. Raises InvalidRequest if there are too many."""
        if webhook is None or webhook in self.webhooks:
            return self.webhooks
        if len(self.webhooks) >= MAX_WEBHOOKS:
            message = f"The same job has {MAX_WEBHOOKS} other addresses already, the most that it may have"
            raise InvalidRequest(
                f"The request is not valid. webhook_url: {message}", fields=[FieldError("webhook_url", message)]
            )
        return [*self.webhooks, webhook]

    @property
    def has_images(self) -> bool:
        return any(isinstance(facts, StoredImage | DeletedImage) for facts in self.settled.values())

    @property
    def deleted(self) -> Mapping[int, DeletedImage]:
        """The images that were deleted, by index."""
        return {index: facts for index, facts in self.settled.items() if isinstance(facts, DeletedImage)}

    def without_image(self, index: int, image_id: str) -> dict[str, Any]:
        """The changes by which the record forgets the facts of a deleted image."""
        settled = {**self.settled, index: DeletedImage(id=image_id)}
        return {"settled": settled, "result": self.result and self.result.without({image_id})}

    def without_deleted(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes that were prepared before some images were deleted, without their facts."""
        deleted = {image.id for image in self.deleted.values()}
        settled = {index: without_facts(image, deleted) for index, image in changes["settled"].items()}
        result = changes.get("result")
        return {**changes, "settled": settled} | ({"result": result.without(deleted)} if result else {})

    def required_request(self) -> GenerationRequest:
        """The request. Raises InternalError if the record no longer has it."""
        if self.request is None:
            raise InternalError
        return self.request

    def only(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


def key(generation_id: str) -> str:
    return f"generation#{generation_id}"
