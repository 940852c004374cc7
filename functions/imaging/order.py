"""A request with all that tells it from others."""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from imaging.request import GenerationRequest

_NAMESPACE = uuid.UUID("7a8d3f0e-2c55-4b0a-9a4e-5d4c1f6b7e21")


@dataclass(frozen=True)
class Order:
    """A request, whose it is, and how it is told from others: by the caller's `key`, or by what it asks for.

    `fresh` means that it is to be generated even if it could be replayed. `alone` names an order that joins no other:
    a job of such a request, which itself is still executed once. Who is `patient` waits for a throttled model, but the
    `last` time takes what there is.
    """

    request: GenerationRequest
    caller: str
    key: str | None = None
    fresh: bool = False
    alone: uuid.UUID | None = None
    patient: bool = False
    last: bool = False

    @property
    def name(self) -> str:
        if self.alone is not None:
            return f"alone:{self.alone}"
        return f"key:{self.key}" if self.key is not None else f"body:{self._fingerprint()}"

    @property
    def is_keyed(self) -> bool:
        return self.key is not None or self.alone is not None

    @property
    def generation_id(self) -> uuid.UUID:
        return self.alone or uuid.uuid5(_NAMESPACE, f"{self.caller}/{self.name}")

    def _fingerprint(self) -> str:
        return hashlib.sha256(self.request.model_dump_json().encode()).hexdigest()

    def data(self) -> dict[str, Any]:
        return {"order": [self.caller, self.name], "request": self.request.model_dump(mode="json")}
