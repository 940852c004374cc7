"""Publishes events to EventBridge."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws import clients
from aws.errors import ServiceError, raising

SOURCE = "text-to-image-api"


class EventError(ServiceError):
    """The event was not published."""


@dataclass(frozen=True)
class EventBus:
    """A bus by its name; each event names the `stack` that it comes from."""

    name: str
    stack: str

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Raises EventError."""
        with raising(EventError):
            answer = clients.events().put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": detail_type,
                        "Detail": json.dumps({"stack": self.stack, **detail}),
                        "EventBusName": self.name,
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            raise EventError(str(answer["Entries"][0].get("ErrorCode")))
