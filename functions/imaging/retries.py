"""Finds the generation that a client's retry belongs to, if the client sends no key but counts its retries.

The record `retries#<caller>#<request hash>` lists the recent tries of a request: the generation of each, and how often
it was retried. A retry belongs to a try that was retried as often as the client says, so that two equal requests that
are both retried get different images.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws.table import Absent, ConditionFailed, Equal, Put, Record
from imaging import ids, ports
from imaging.errors import table_needed
from imaging.records.record import key
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission, fingerprint

WINDOW_SECONDS = 240
"""How long after its first try a request can be retried: the function's time-out and a grace period."""

MOST_TRIES = 100

Try = Mapping[str, Any]

_ANSWERED: Mapping[str | None, int] = {"failed": 1, "cancelled": 1, "succeeded": 2}
"""By a generation's status; the lower, the more likely it is that the client retries it."""


@dataclass(frozen=True)
class Retries:
    table: ports.Table
    now: Callable[[], float] = time.time

    def submission(self, request: GenerationRequest, caller: str, retry: int) -> Submission:
        """A new generation for a first try, whose `retry` is 0; else the one that is retried. Raises
        DependencyUnavailable."""
        name = f"retries#{caller}#{fingerprint(request)}"
        with table_needed():
            return Submission(request, caller, self._generation_id(name, retry))

    def _generation_id(self, name: str, retry: int) -> str:
        found = self.table.get(name) if retry else None
        while True:
            tries = [one for one in (found or {}).get("tries", ()) if one["at"] > self.now() - WINDOW_SECONDS]
            chosen = self._retried(tries, retry) or {"id": ids.new_generation_id(), "at": self.now()}
            others = [one for one in tries if one["id"] != chosen["id"]]
            if self._is_written(name, found, [*others, {**chosen, "retries": retry}][-MOST_TRIES:]):
                return str(chosen["id"])
            found = self.table.get(name)

    def _retried(self, tries: Sequence[Try], retry: int) -> Try | None:
        """The try that the retry belongs to: preferably one that is not answered yet, then one that failed. None for a
        first try, or if the retry is too late."""
        same = [one for one in tries if one["retries"] == retry - 1]
        candidates = same or [one for one in tries if one["retries"] < retry]
        if len(candidates) < 2:  # noqa: PLR2004 - no choice
            return candidates[0] if candidates else None
        records = self.table.get_many([key(one["id"]) for one in candidates])
        return min(candidates, key=lambda one: _ANSWERED.get(records.get(key(one["id"]), {}).get("status"), 0))

    def _is_written(self, name: str, found: Record | None, tries: Sequence[Try]) -> bool:
        revision = secrets.token_hex(8)
        condition = Equal("revision", found["revision"]) if found else Absent(self.now())
        put = Put(name, {"tries": tries, "revision": revision}, int(self.now() + WINDOW_SECONDS) + 1, condition)
        try:
            self.table.write([put], revision)
        except ConditionFailed:
            # If the answer to a write was lost, its retry fails its own condition.
            return (self.table.get(name) or {}).get("revision") == revision
        return True
