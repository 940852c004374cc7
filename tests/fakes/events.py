"""A bus in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws.events import EventError


@dataclass
class FakeBus:
    published: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        if self.refusals:
            raise EventError(self.refusals.pop(0))
        self.published.append((detail_type, detail))
