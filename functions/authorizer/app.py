"""The key door: finds the API key, hands it to API Gateway, which checks it, and names the caller.

A request without a key may ask for what is open to anybody, and so may a preflight request where CORS is configured.
It then goes by the public key, which belongs to nobody and opens nothing else, so that API Gateway limits the rate of
such requests too.
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
NEEDS_A_KEY = "deep"
"""With this in its query, an open path is open no more."""


ANONYMOUS = "anonymous"


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Allows the request with the key that it goes by; denies it without a key, or with two that disagree."""
    request = APIGatewayAuthorizerRequestEvent(event)
    key = _key(request)
    return _deny(request) if key is None else _allow(request, key)


def _deny(request: APIGatewayAuthorizerRequestEvent) -> dict[str, Any]:
    """API Gateway answers with the template's 401. An exception would count as an error of the function."""
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
    """The name of a key's holder: the first 16 hex digits of the key's SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _key(request: APIGatewayAuthorizerRequestEvent) -> str | None:
    public_key = os.environ["PUBLIC_KEY"]
    keys = set(_keys(request.headers)) - {public_key}
    if len(keys) == 1:
        return keys.pop()
    return public_key if not keys and _is_open(request) else None


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
        and NEEDS_A_KEY not in (request.query_string_parameters or {})
    )
