"""The entry point for HTTP, for agents and for direct invocations: an event that is neither API Gateway's nor an
agent's is the body of POST /generate."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
import tracing
from api import agents, cors, direct, problems
from api.caller import came_from_gateway, route
from api.event import is_well_formed
from api.openapi import document
from api.routes import documentation, generate, health, images, jobs, mcp, models, openai, usage, webhooks
from api.serialise import parse_object, to_json
from imaging.errors import InvalidRequest, Misconfigured
from observability import logger, metrics

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

app = APIGatewayRestResolver(enable_validation=True, serializer=to_json, json_body_deserializer=parse_object)
problems.handle(app)
for routes in (generate, jobs, images, models, usage, openai, mcp, webhooks, health):
    app.include_router(routes.router)
app.include_router(documentation.serve(partial(document, app)))


def _require_settings(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Answers 500 `misconfigured` on every route while a stack parameter is invalid."""
    bootstrap.services()
    return next_middleware(app)


app.use([_require_settings])


def _refuse_other_methods(path: str, *allowed: str) -> None:
    others = [method for method in METHODS if method not in allowed]

    @app.route(path, method=others, include_in_schema=False, enable_validation=False)
    def refuse(**_: str) -> None:
        raise problems.MethodNotAllowed(allowed)


_refuse_other_methods("/generate", "POST")
_refuse_other_methods("/mcp", "POST")
_refuse_other_methods("/jobs/<job_id>", "GET", "DELETE")
_refuse_other_methods("/images/<image_id>.png", "GET", "DELETE")
_refuse_other_methods("/jobs/<job_id>/deliveries", "GET")
_refuse_other_methods("/webhooks", "GET", "PUT", "DELETE")
_refuse_other_methods("/webhooks/secret", "POST")
_refuse_other_methods("/webhooks/deliveries/<delivery_id>", "GET")
_refuse_other_methods("/webhooks/deliveries/<delivery_id>/resend", "POST")
for path in (".jpg", ".webp", "/provenance"):
    _refuse_other_methods(f"/images/<image_id>{path}", "GET")
_refuse_other_methods("/v1/models/<model>", "GET")
for path in ("generations", "edits", "variations"):
    _refuse_other_methods(f"/v1/images/{path}", "POST")
for path in ("/images", "/models", "/v1/models", "/usage", "/webhooks/deliveries", "/health", "/openapi.json", "/docs"):
    _refuse_other_methods(path, "GET")


_NOT_FROM_GATEWAY = (
    "The event has the form of API Gateway's, but did not come through it. To invoke the function directly, send the "
    "body of POST /generate as the event."
)

bootstrap.prepare()


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST, clear_state=True)
@metrics.log_metrics
@tracing.traced
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - any JSON may be sent
    if not (isinstance(event, dict) and {"httpMethod", "requestContext"} <= set(event)):
        return _directly(event, context)
    if not is_well_formed(event):
        raise InvalidRequest(_NOT_FROM_GATEWAY)
    try:
        settings = bootstrap.services().settings
    except Misconfigured:
        return _respond(event, context, origins=())
    if not came_from_gateway(event, settings.gateway_token):
        raise InvalidRequest(_NOT_FROM_GATEWAY)
    return _respond(event, context, settings.cors_origins)


def _directly(event: object, context: LambdaContext) -> dict[str, Any]:
    return agents.answer(event, context) if agents.is_call(event, context) else direct.generate(event, context)


def _respond(event: dict[str, Any], context: LambdaContext, origins: Sequence[str]) -> dict[str, Any]:
    request_id = event["requestContext"].get("requestId") or context.aws_request_id
    request = APIGatewayProxyEvent(event)
    is_preflight = cors.is_preflight(request, origins)
    response = cors.preflight_response() if is_preflight else _resolve(event, context, request_id)
    headers = {"x-request-id": request_id, **cors.headers(request, origins)}
    response["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    return response


def _resolve(event: dict[str, Any], context: LambdaContext, request_id: str) -> dict[str, Any]:
    # Powertools would refuse a body that `curl -d` labels as a form; every body is parsed as JSON.
    content_type, others = _without_content_type(event["headers"] or {})
    app.append_context(request_id=request_id, content_type=content_type)
    return app.resolve({**event, "path": route(event), "headers": others}, context)


def _without_content_type(headers: dict[str, str]) -> tuple[str | None, dict[str, str]]:
    others = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return next((value for name, value in headers.items() if name not in others), None), others
