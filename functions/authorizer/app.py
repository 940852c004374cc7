"""The key door: finds the API key, hands it to API Gateway, which checks it, and names the caller."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerResponse,
)
from aws_lambda_powertools.utilities.typing import LambdaContext


class Unauthorized(Exception):
    """API Gateway answers 401 to exactly this word."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Allows the request with the one key that it carries; raises Unauthorized for none, or two that disagree."""
    request = APIGatewayAuthorizerRequestEvent(event)
    keys = set(_keys(request.headers))
    if len(keys) != 1:
        raise Unauthorized
    key = keys.pop()
    name = caller(key)
    response = APIGatewayAuthorizerResponse.from_route_arn(
        request.method_arn, principal_id=name, context={"caller": name}, usage_identifier_key=key
    )
    response.allow_all_routes()
    return response.asdict()


def caller(key: str) -> str:
    """The name of a key's holder: the first 16 hex digits of the key's SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _keys(headers: Mapping[str, str]) -> Iterator[str]:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        yield token.strip()
    if key := headers.get("x-api-key", "").strip():
        yield key
