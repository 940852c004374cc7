"""The record of a delivery: the end of a job, to be sent to one receiver.

It is written in the transaction that ends the job, so that none is forgotten. Until it is over, a second record,
`due#<id>`, is listed by the time when the sweeper must look at it, and the delivery has a copy of the job as it ended.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from aws.table import EXPIRY, KEY, LISTED_AT, LISTING, Condition, Equal, Put, Record
from imaging import ids
from imaging.errors import InternalError
from imaging.records.record import GenerationRecord
from imaging.requests.webhook import Webhook

DUE = "deliveries"
"""The listing of unfinished deliveries, by the time when the sweeper must look at them."""

HINT_SECONDS = 300
"""How long the sweeper leaves a delivery to the message that was sent for it."""

_KEY, _DUE_KEY = "delivery#", "due#"

MIN_RETENTION_SECONDS = 2 * 24 * 3600
"""Longer than the tries last."""

Status = Literal["pending", "delivered", "given_up"]

Type = Literal["generation.completed", "generation.failed", "generation.cancelled"]

TYPES: Mapping[str, Type] = {
    "succeeded": "generation.completed",
    "failed": "generation.failed",
    "cancelled": "generation.cancelled",
}
"""An event's type, by the status in which the job ended."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class DeliveryAttempt(_Stored):
    """One try: the receiver's status, or why there is none."""

    at: float
    seconds: float
    status: int | None = None
    error: str | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - any 2xx


class Delivery(_Stored):
    """Times are epoch seconds. `tries` counts since the delivery was last asked for; the last ones are in `attempts`.
    No other function sends it before `lease_until`."""

    id: str
    owner: str
    generation_id: str
    type: Type
    ended_at: float
    webhook: Webhook
    job: GenerationRecord | None = None
    status: Status = "pending"
    created_at: float
    expires_at: int
    revision: str
    next_at: float | None = None
    due_at: float | None = None
    lease_until: float = 0
    tries: int = 0
    attempts: Sequence[DeliveryAttempt] = ()

    @classmethod
    def of(cls, ended: GenerationRecord, place: int, retention_seconds: int) -> Self:
        """The delivery to one of the job's receivers."""
        at = ended.ended_at or 0
        return cls(
            id=ended.deliveries[place - len(ended.webhooks)],
            owner=ended.owner,
            generation_id=ended.id,
            type=TYPES[ended.status],
            ended_at=at,
            webhook=ended.webhooks[place],
            job=snapshot(ended),
            created_at=at,
            expires_at=int(at) + max(retention_seconds, MIN_RETENTION_SECONDS),
            revision=secrets.token_hex(8),
            next_at=at,
            due_at=at + HINT_SECONDS,
        )

    def required_job(self) -> GenerationRecord:
        """The job as it ended. Raises InternalError for a delivery that is over."""
        if self.job is None:
            raise InternalError
        return self.job

    @property
    def is_over(self) -> bool:
        return self.status != "pending"


def snapshot(ended: GenerationRecord) -> GenerationRecord:
    """What a delivery tells of the job."""
    unsaid: Mapping[str, object] = {
        "request": None,
        "calls": (),
        "settled": {},
        "warnings": (),
        "webhooks": (),
        "deliveries": (),
    }
    return ended.model_copy(update=unsaid)


def of_end(before: GenerationRecord, after: GenerationRecord, retention_seconds: int) -> list[Delivery]:
    """The deliveries of a job that ends now, one for each receiver."""
    if before.is_over or not after.is_over:
        return []
    return [Delivery.of(after, place, retention_seconds) for place in range(len(after.webhooks))]


def ending(record: GenerationRecord) -> dict[str, Sequence[str]]:
    """The change by which a record that ends names its deliveries."""
    new = [ids.delivery_id(record.id, record.revision, place) for place in range(len(record.webhooks))]
    return {"deliveries": [*record.deliveries, *new]} if new else {}


def puts(delivery: Delivery, condition: Condition | None = None) -> list[Put]:
    """The write of a delivery, and of what lists it as due, if it is."""
    attributes = delivery.model_dump(mode="json", exclude={"id", "expires_at"}, exclude_none=True)
    listed = {**attributes, LISTING: listing(delivery.owner), LISTED_AT: delivery.created_at}
    due: Record = {"owner": delivery.owner}
    expires_at = int(delivery.created_at)
    if delivery.due_at is not None:
        due, expires_at = {**due, LISTING: DUE, LISTED_AT: delivery.due_at}, delivery.expires_at
    return [
        Put(key(delivery.id), listed, delivery.expires_at, condition),
        Put(f"{_DUE_KEY}{delivery.id}", due, expires_at),
    ]


def parsed(record: Record) -> Delivery:
    """Raises ValidationError."""
    return Delivery.model_validate({**record, "id": delivery_id(record[KEY]), "expires_at": record[EXPIRY]})


def delivery_id(key: str) -> str:
    return key.removeprefix(_KEY)


def due_id(key: str) -> str:
    """The delivery's id in the key of what lists it as due."""
    return key.removeprefix(_DUE_KEY)


def unchanged(delivery: Delivery) -> Condition:
    return Equal("revision", delivery.revision)


def key(delivery_id: str) -> str:
    return f"{_KEY}{delivery_id}"


def listing(owner: str) -> str:
    return f"deliveries#{owner}"
