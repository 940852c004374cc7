"""Tells EventBridge what happened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws import clients

SOURCE = "text-to-image-api"


class EventError(Exception):
    """The bus refused or could not be reached; `code` is AWS's name for it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class EventBus:
    """A bus by its name, told of what happens in a stack."""

    name: str
    stack: str

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Raises EventError."""
        try:
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
        except ClientError as error:
            raise EventError(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise EventError(type(error).__name__) from error
        if answer["FailedEntryCount"]:
            raise EventError(str(answer["Entries"][0].get("ErrorCode")))
