"""The request's own address, from which absolute links are built."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from api.answer import StableLink


def route(event: dict[str, object]) -> str:
    """The path below the API, whichever domain and mapping the request came in by."""
    parameters = event.get("pathParameters")
    proxy = parameters.get("proxy") if isinstance(parameters, dict) else None
    return f"/{proxy}" if proxy else str(event.get("resource") or event.get("path"))


def stable_link(event: APIGatewayProxyEvent) -> StableLink:
    """Makes addresses of images out of the address that this request was sent to."""
    scheme = event.headers.get("x-forwarded-proto", "https")
    base = event.request_context.path.rstrip("/").removesuffix(event.path)
    return lambda image_id: f"{scheme}://{event.headers['host']}{base}/images/{image_id}.png"
