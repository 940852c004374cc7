"""What pages of other origins may do: nothing, unless the operator lists their origins (CorsOrigins)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import CORSConfig
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

METHODS = "DELETE,GET,POST"
EXPOSED = [
    "Allow",
    "Idempotent-Replayed",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "x-request-id",
    "x-should-retry",
]
MAX_AGE_SECONDS = 3600


def headers(event: APIGatewayProxyEvent, origins: Sequence[str]) -> Mapping[str, str]:
    """What a browser wants to see on every answer, errors included; nothing where no origin is listed."""
    if not origins:
        return {}
    first, *others = origins
    # OpenAI's clients send a dozen headers of their own; the wildcard stands for all but Authorization, which is named.
    config = CORSConfig(first, others, allow_headers=["*"], expose_headers=EXPOSED, max_age=MAX_AGE_SECONDS)
    return config.to_dict(config.allowed_origin(event.headers.get("origin", ""))) | {"Vary": "Origin"}


def asks_first(event: APIGatewayProxyEvent, origins: Sequence[str]) -> bool:
    """Whether a browser asks if a page may send a request."""
    return bool(origins) and event.http_method == "OPTIONS" and "access-control-request-method" in event.headers


def permission() -> dict[str, Any]:
    """The answer to that; the page's origin must be in its headers as well."""
    return {
        "statusCode": HTTPStatus.NO_CONTENT,
        "multiValueHeaders": {"Access-Control-Allow-Methods": [METHODS]},
        "body": "",
        "isBase64Encoded": False,
    }
