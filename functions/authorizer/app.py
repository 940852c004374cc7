"""The Lambda authorizer: finds the API key, returns it to API Gateway, which checks it, and names the caller.

Anonymous requests may use the open routes, and preflight requests may where CORS is configured. They share the
anonymous key, which opens nothing else, so that API Gateway limits their rate too.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerResponse,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

OPEN_PATHS = {"health", "openapi.json", "docs"}
KEYED_PARAMETER = "deep"
"""A query parameter that makes an open path require a key."""


ANONYMOUS = "anonymous"


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Allows the request with its key or the anonymous one; denies it without a key, or with two different keys."""
    request = APIGatewayAuthorizerRequestEvent(event)
    try:
        key = _key(request)
    except (AttributeError, KeyError, TypeError, ValueError):
        key = None  # API Gateway sends no such event; whatever it is, it has no key
    return _deny(request) if key is None else _allow(request, key)


def _deny(request: APIGatewayAuthorizerRequestEvent) -> dict[str, Any]:
    """A Deny policy, for which API Gateway answers the template's 401. An exception would count as a function error."""
    response = APIGatewayAuthorizerResponse.from_route_arn(request.method_arn, principal_id=ANONYMOUS)
    response.deny_all_routes()
    return response.asdict()


def _allow(request: APIGatewayAuthorizerRequestEvent, key: str) -> dict[str, Any]:
    name = caller(key)
    response = APIGatewayAuthorizerResponse.from_route_arn(
        request.method_arn,
        principal_id=name,
        context={"caller": name, "gateway_token": os.environ["GATEWAY_TOKEN"]},
        usage_identifier_key=key,
    )
    response.allow_all_routes()
    return response.asdict()


def caller(key: str) -> str:
    """The caller's name: the first 16 hex digits of the SHA-256 of the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _key(request: APIGatewayAuthorizerRequestEvent) -> str | None:
    anonymous_key = os.environ["PUBLIC_KEY"]
    keys = set(_keys(request.headers)) - {anonymous_key}
    if len(keys) == 1:
        return keys.pop()
    return anonymous_key if not keys and _is_open(request) else None


def _keys(headers: Mapping[str, str]) -> Iterator[str]:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        yield token.strip()
    if key := headers.get("x-api-key", "").strip():
        yield key


def _is_open(request: APIGatewayAuthorizerRequestEvent) -> bool:
    path = (request.path_parameters or {}).get("proxy")
    return (request.http_method == "OPTIONS" and os.environ["CORS_ORIGINS"] != "") or (
        request.http_method == "GET"
        and path in OPEN_PATHS
        and KEYED_PARAMETER not in (request.query_string_parameters or {})
    )
