"""Joins the repeats that a client makes by itself, without a key, to the attempt that they repeat."""

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aws.table import Record, TableError
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable
from imaging.order import Order
from imaging.request import GenerationRequest

GRACE_SECONDS = 60
"""How much longer than the function may run an attempt can be joined."""


class AttemptStore(Protocol):
    """Raises TableError."""

    def put(self, key: str, record: Record, expires_at: int) -> None: ...
    def get(self, key: str) -> Record | None: ...


@dataclass(frozen=True)
class Attempts:
    """Which order the last attempt at a request was."""

    table: AttemptStore
    now: Callable[[], float] = time.time

    def order(self, request: GenerationRequest, caller: str, deadline: Deadline, *, is_repeat: bool) -> Order:
        """A new order for a first attempt; for a repeat, the one that it repeats. Raises DependencyUnavailable."""
        key = f"attempt#{caller}#{hashlib.sha256(request.model_dump_json().encode()).hexdigest()}"
        try:
            last = self.table.get(key) if is_repeat else None
            name = uuid.UUID(last["order"]) if last else uuid.uuid4()
            if last is None:
                seconds = deadline.get_remaining_time_in_millis() / 1000 + GRACE_SECONDS
                self.table.put(key, {"order": str(name)}, int(self.now() + seconds))
        except TableError as error:
            raise DependencyUnavailable(
                "The table did not answer, so nothing was generated or paid. Send the request again.",
                aws_error=error.code,
            ) from error
        return Order(request, caller, alone=name)
