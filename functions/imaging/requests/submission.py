"""Which generation a request belongs to: the same submission again finds the same generation."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from imaging.requests.request import GenerationRequest

_NAMESPACE = uuid.UUID("7a8d3f0e-2c55-4b0a-9a4e-5d4c1f6b7e21")


@dataclass(frozen=True)
class Submission:
    """A caller's request and the id of its generation.

    `is_keyed` is false where only the request's content tells it from others: then a finished generation answers the
    same request for the deduplication time alone, else for as long as its record lives.
    """

    request: GenerationRequest
    caller: str
    generation_id: str
    is_keyed: bool = True

    @classmethod
    def keyed(cls, request: GenerationRequest, caller: str, key: str) -> "Submission":
        """Deduplicated by the caller's own Idempotency-Key."""
        return cls(request, caller, _derived(caller, f"key:{key}"))

    @classmethod
    def by_content(cls, request: GenerationRequest, caller: str) -> "Submission":
        """Deduplicated by what it asks for."""
        return cls(request, caller, _derived(caller, f"body:{fingerprint(request)}"), is_keyed=False)

    @classmethod
    def unique(cls, request: GenerationRequest, caller: str) -> "Submission":
        """Deduplicated with no other."""
        return cls(request, caller, str(uuid.uuid4()))

    @property
    def request_hash(self) -> str:
        return fingerprint(self.request)


@dataclass(frozen=True)
class Deduplication:
    """Decides which requests share a generation. `keyless_seconds` 0 means that only a caller's own key is shared."""

    keyless_seconds: int
    is_deterministic: Callable[[GenerationRequest], bool]

    def submission(
        self, request: GenerationRequest, caller: str, key: str | None = None, *, fresh: bool = False
    ) -> Submission:
        """`fresh` asks for new images even if the request could be replayed."""
        if key is not None:
            return Submission.keyed(request, caller, key)
        if fresh or self.keyless_seconds == 0 or not self.is_deterministic(request):
            return Submission.unique(request, caller)
        return Submission.by_content(request, caller)


def fingerprint(request: GenerationRequest) -> str:
    """SHA-256 of the request with its defaults filled in, 64 hex digits."""
    return hashlib.sha256(request.model_dump_json().encode()).hexdigest()


def image_id(generation_id: str, index: int) -> str:
    """The image's id follows from its generation and its place, so that a repeat overwrites it."""
    return str(uuid.uuid5(uuid.UUID(generation_id), str(index)))


def _derived(caller: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{caller}/{name}"))
