"""Deduplication: which generation a request belongs to."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from imaging import ids
from imaging.requests.request import GenerationRequest
from imaging.requests.webhook import DEFAULT, Webhook


@dataclass(frozen=True)
class Submission:
    """A caller's request, the id of its generation, and where a job's end is sent to.

    `is_keyed` is false if the request is deduplicated by its content. A finished generation then answers the same
    request only for the deduplication time; otherwise for as long as its record lives.
    """

    request: GenerationRequest
    caller: str
    generation_id: str
    is_keyed: bool = True
    webhook: Webhook | None = None

    @classmethod
    def keyed(cls, request: GenerationRequest, caller: str, key: str) -> "Submission":
        """Deduplicated by the caller's Idempotency-Key."""
        return cls(request, caller, ids.generation_id(caller, f"key:{key}"))

    @classmethod
    def by_content(cls, request: GenerationRequest, caller: str) -> "Submission":
        """Deduplicated by the request's content."""
        return cls(request, caller, ids.generation_id(caller, f"body:{fingerprint(request)}"), is_keyed=False)

    @classmethod
    def unique(cls, request: GenerationRequest, caller: str) -> "Submission":
        """Not deduplicated."""
        return cls(request, caller, ids.new_generation_id())

    def with_webhook(self, webhook: Webhook | None) -> Self:
        return replace(self, webhook=webhook)

    @property
    def own_webhook(self) -> Webhook | None:
        """The webhook that the request names itself."""
        return self.webhook if self.webhook and self.webhook.url != DEFAULT else None

    @property
    def request_hash(self) -> str:
        return fingerprint(self.request)


@dataclass(frozen=True)
class Deduplication:
    """Decides which requests share a generation. If `keyless_seconds` is 0, only requests with the same key do."""

    keyless_seconds: int
    is_deterministic: Callable[[GenerationRequest], bool]

    def submission(
        self, request: GenerationRequest, caller: str, key: str | None = None, *, fresh: bool = False
    ) -> Submission:
        """The request's submission. `fresh` asks for new images even if a generation could be replayed."""
        if key is not None:
            return Submission.keyed(request, caller, key)
        if fresh or self.keyless_seconds == 0 or not self.is_deterministic(request):
            return Submission.unique(request, caller)
        return Submission.by_content(request, caller)


def fingerprint(request: GenerationRequest) -> str:
    """The SHA-256 of the request with its defaults filled in, as 64 hex digits."""
    return hashlib.sha256(request.model_dump_json().encode()).hexdigest()
