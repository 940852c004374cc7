"""What a door knows of a request beside its body: who sent it, to which address, and how long it may take."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from api.answer import StableLink
from imaging.deadline import Deadline

DIRECT = "direct"
"""The caller of a direct invocation."""


def caller(event: APIGatewayProxyEvent) -> str:
    """The name that the authorizer gave to the key's holder."""
    return str(event.request_context.authorizer["caller"])


def deadline(context: LambdaContext) -> Deadline:
    return Deadline.after(context.get_remaining_time_in_millis() / 1000)


def route(event: dict[str, object]) -> str:
    """The path below the API, whichever domain and mapping the request came in by."""
    parameters = event.get("pathParameters")
    proxy = parameters.get("proxy") if isinstance(parameters, dict) else None
    return f"/{proxy}" if proxy else str(event.get("resource") or event.get("path"))


def address(event: APIGatewayProxyEvent) -> str:
    """The API's address, as this request was sent to it."""
    scheme = event.headers.get("x-forwarded-proto", "https")
    return f"{scheme}://{event.headers['host']}{event.request_context.path.rstrip('/').removesuffix(event.path)}"


def stable_link(event: APIGatewayProxyEvent) -> StableLink:
    """Makes addresses of images."""
    base = address(event)
    return lambda image_id: f"{base}/images/{image_id}.png"
