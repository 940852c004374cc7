"""What the HTTP event says about a request besides its body: the caller, the address, the time limit."""

import hmac
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
from api.answer import StableLink
from imaging.deadline import Deadline
from imaging.images.encoding import Format

DIRECT = "direct"
"""The caller's name in a direct invocation."""


def came_from_gateway(event: Mapping[str, Any], token: str) -> bool:
    """Whether the event came through API Gateway's authorizer, which adds a secret token. A direct invocation could
    forge every other part of the event."""
    try:
        claimed = str(event["requestContext"]["authorizer"]["gateway_token"])
    except (TypeError, KeyError):
        return False
    return hmac.compare_digest(claimed.encode(errors="replace"), token.encode())


def caller(event: APIGatewayProxyEvent) -> str:
    """The caller's name, as the authorizer derived it from the API key."""
    return str(event.request_context.authorizer["caller"])


def deadline(context: LambdaContext) -> Deadline:
    return Deadline.after(context.get_remaining_time_in_millis() / 1000)


def route(event: dict[str, object]) -> str:
    """The path below the API's stage or base path."""
    parameters = event.get("pathParameters")
    proxy = parameters.get("proxy") if isinstance(parameters, dict) else None
    return f"/{proxy}" if proxy else str(event.get("resource") or event.get("path"))


def address(event: APIGatewayProxyEvent) -> str:
    """The API's base URL: the configured one, or the domain name that API Gateway received the request for. The Host
    header decides only in `sam local`, whose events have no domain name."""
    return bootstrap.services().settings.api_base_url or _gateway_address(event)


def _gateway_address(event: APIGatewayProxyEvent) -> str:
    domain = event.request_context.get("domainName") or event.headers["host"]
    scheme = "http" if event.headers.get("x-forwarded-proto") == "http" else "https"
    return f"{scheme}://{domain}{event.request_context.path.rstrip('/').removesuffix(event.path)}"


def job_address(event: APIGatewayProxyEvent, job_id: str) -> str:
    return f"{address(event)}/jobs/{job_id}"


def stable_link(event: APIGatewayProxyEvent, form: Format = Format.PNG) -> StableLink:
    """Returns the function that makes lasting links."""
    return links_below(address(event), form)


def links_below(address: str, form: Format) -> StableLink:
    return lambda image_id: f"{address}/images/{image_id}.{form.extension}"
