"""The request headers that decide how to answer: Idempotency-Key, Cache-Control and Prefer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.request import parse_http_list

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from imaging.errors import FieldError, InvalidRequest

MAX_WAIT_SECONDS = 25
"""API Gateway times out at 29 s; the rest is for the answer."""

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True)
class Preferences:
    """`key` is the Idempotency-Key; `fresh` asks for new images; `wait` is how many seconds to wait for a generation
    that is already running; `respond_async` asks for a job."""

    key: str | None
    fresh: bool
    wait: float
    respond_async: bool

    @classmethod
    def of(cls, event: APIGatewayProxyEvent) -> "Preferences":
        """Raises InvalidRequest for an invalid key, or for a key together with `no-cache`."""
        key = idempotency_key(event.headers.get("idempotency-key"), "Idempotency-Key")
        fresh = "no-cache" in event.headers.get("cache-control", "").lower()
        if key is not None and fresh:
            message = "A key asks for the same images again, no-cache for new ones. Send one of the two."
            raise InvalidRequest(message, fields=[FieldError("Cache-Control", message)])
        preferences = _preferences(event.headers.get("prefer", ""))
        return cls(key, fresh, _wait(preferences), "respond-async" in preferences)


def idempotency_key(key: object, field: str) -> str | None:
    """The key, if it is valid or absent. Raises InvalidRequest for `field` otherwise."""
    if key is None or (isinstance(key, str) and _KEY.fullmatch(key)):
        return key
    message = "Must be 1 to 255 printable ASCII characters"
    raise InvalidRequest(f"The request is not valid. {field}: {message}", fields=[FieldError(field, message)])


def _preferences(prefer: str) -> Mapping[str, str]:
    # RFC 7240: unknown preferences are ignored, and so are parameters.
    return dict(_preference(item.partition(";")[0]) for item in parse_http_list(prefer))


def _preference(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _wait(preferences: Mapping[str, str]) -> float:
    seconds = preferences.get("wait", "").strip()
    return min(int(seconds), MAX_WAIT_SECONDS) if re.fullmatch(r"\d{1,9}", seconds) else MAX_WAIT_SECONDS
