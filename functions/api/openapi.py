"""The OpenAPI document: what Powertools finds in the routes, and what only we know."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from version import VERSION

_DESCRIPTION = (
    "Makes images from text with Amazon Bedrock. Errors are problem documents (RFC 9457): match on `code`, read "
    "`detail`. Every answer carries `x-request-id`."
)
_SECURITY = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The same API key."},
}
_WITHOUT_BODY = {"204", "302"}


def document(app: APIGatewayRestResolver) -> dict[str, Any]:
    """The document as JSON values."""
    found: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(title="Text-to-image API", version=VERSION, description=_DESCRIPTION)
    )
    found["servers"] = [{"url": ".", "description": "The address that this document was read from."}]
    found["security"] = [{name: []} for name in _SECURITY]
    found["components"]["securitySchemes"] = _SECURITY
    found["paths"]["/health"]["get"]["security"] = [{}, *found["security"]]
    _drop_what_is_not_ours(found)
    return found


def _drop_what_is_not_ours(found: dict[str, Any]) -> None:
    # Powertools announces its own validation errors, where ours is a 400 problem, and a body for every answer.
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            for status in _WITHOUT_BODY & set(operation["responses"]):
                operation["responses"][status].pop("content", None)
    for schema in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        found["components"]["schemas"].pop(schema, None)
