"""CORS: pages of other origins may call the API only if the operator lists their origins (CorsOrigins)."""

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
    """The CORS headers of every answer, errors included; none where no origin is listed."""
    if not origins:
        return {}
    first, *others = origins
    # OpenAI's clients send a dozen headers of their own. `*` covers all but Authorization, which CORSConfig adds.
    config = CORSConfig(first, others, allow_headers=["*"], expose_headers=EXPOSED, max_age=MAX_AGE_SECONDS)
    return config.to_dict(config.allowed_origin(event.headers.get("origin", ""))) | {"Vary": "Origin"}


def is_preflight(event: APIGatewayProxyEvent, origins: Sequence[str]) -> bool:
    """Whether the request is a preflight request that CORS is configured for."""
    return bool(origins) and event.http_method == "OPTIONS" and "access-control-request-method" in event.headers


def preflight_response() -> dict[str, Any]:
    """The answer to a preflight request, without the headers of `headers`."""
    return {
        "statusCode": HTTPStatus.NO_CONTENT,
        "multiValueHeaders": {"Access-Control-Allow-Methods": [METHODS]},
        "body": "",
        "isBase64Encoded": False,
    }
