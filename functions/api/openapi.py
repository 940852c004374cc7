"""The OpenAPI document: what Powertools generates from the routes, corrected and completed."""

import json
from collections.abc import Iterator, Mapping
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
_TAGS = {
    "Images": "Make images, follow their links, delete them.",
    "Jobs": "Images that are made in the background, for `Prefer: respond-async`.",
    "Models": "What can make images, and for what price.",
    "Agents": "The same service as tools for agents.",
    "Operations": "Whether the service works, and what it has cost.",
    "Webhooks": "Tell another program when a job ends.",
    "OpenAI": "The same service in the shapes of OpenAI's Images API.",
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_OPENAI_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAiErrorBody"}}}

_BEFORE_AUTHORIZER = {"400", "404", "413", "500", "503", "default"}
"""The statuses of errors that API Gateway may answer before it knows that the path is OpenAI's."""

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body bring the same images again, and cost nothing; another body is a 422. "
    "1 to 255 printable ASCII characters.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_CACHE_CONTROL = {
    "name": "Cache-Control",
    "in": "header",
    "required": False,
    "description": "`no-cache` makes new images where the same request would bring earlier ones again. Not together "
    "with an Idempotency-Key.",
    "schema": {"type": "string"},
    "example": "no-cache",
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=N` waits at most N seconds, 25 at most, while another request makes the same images.",
    "schema": {"type": "string"},
    "example": "wait=10",
}
_PREFER_ASYNC = {
    **_PREFER,
    "description": f"`respond-async` answers 202 with a job instead of waiting. {_PREFER['description']}",
    "example": "respond-async",
}
_HEADERS: Mapping[str, list[dict[str, Any]]] = {
    "/generate": [_IDEMPOTENCY_KEY, _PREFER_ASYNC, _CACHE_CONTROL],
    "/v1/images/generations": [_IDEMPOTENCY_KEY, _PREFER, _CACHE_CONTROL],
}
"""The headers that a route reads; `api.preferences` does."""


def _add_mcp_bodies(found: dict[str, Any]) -> None:
    # The route parses its body itself, because a wrong one is a JSON-RPC error.
    from api.mcp import JsonRpcMessage  # noqa: PLC0415 - as in the route

    name = JsonRpcMessage.__name__
    found["components"]["schemas"][name] = JsonRpcMessage.model_json_schema()
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    operation = found["paths"]["/mcp"]["post"]
    operation["requestBody"] = {"required": True, "content": content}
    operation["responses"]["202"].pop("content")


def _link(operation_id: str, parameter: str, value: str) -> dict[str, Any]:
    return {"operationId": operation_id, "parameters": {parameter: f"$response.body#/{value}"}}


def _image_links(value: str) -> dict[str, Any]:
    """What can be done with the image whose id is there in the answer."""
    names = ("followImage", "followJpeg", "followWebp", "imageProvenance", "deleteImage")
    return {name: _link(name, "image_id", value) for name in names}


_JOB_LINKS = {name: _link(name, "job_id", "id") for name in ("getJob", "cancelJob", "getJobDeliveries")}


def _delivery_links(value: str) -> dict[str, Any]:
    return {name: _link(name, "delivery_id", value) for name in ("getDelivery", "resendDelivery")}


_LINKS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("generate", "200"): _image_links("details/0/id"),
    ("generate", "202"): _JOB_LINKS,
    ("getJob", "200"): _image_links("result/details/0/id") | {"cancelJob": _JOB_LINKS["cancelJob"]},
    ("cancelJob", "200"): {"getJob": _JOB_LINKS["getJob"]},
    ("listImages", "200"): _image_links("images/0/id") | {"nextPage": _link("listImages", "cursor", "next_cursor")},
    ("getJobDeliveries", "200"): _delivery_links("deliveries/0/id"),
    ("listDeliveries", "200"): _delivery_links("deliveries/0/id")
    | {"nextDeliveries": _link("listDeliveries", "cursor", "next_cursor")},
    ("openaiImages", "200"): _image_links("data/0/id"),
    ("openaiModels", "200"): {"openaiModel": _link("openaiModel", "model", "data/0/id")},
}
"""The requests that an answer leads to, by the operation and the status."""


_PATH_PARAMETERS = {
    "job_id": "The job's id.",
    "image_id": "The image's id.",
    "delivery_id": "The delivery's id, which is the message's.",
}


def document(app: APIGatewayRestResolver) -> dict[str, Any]:
    """The document as JSON values (dicts, lists, strings, numbers)."""
    found: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(title="Text-to-image API", version=VERSION, description=_DESCRIPTION)
    )
    found["servers"] = [{"url": ".", "description": "The address that this document was read from."}]
    found["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    found["info"]["contact"] = {"name": "Whoever gave you the API key operates this deployment"}
    found["tags"] = [{"name": name, "description": description} for name, description in _TAGS.items()]
    found["security"] = [{name: []} for name in _SECURITY]
    found["components"]["securitySchemes"] = _SECURITY
    _add_mcp_bodies(found)
    found["paths"]["/health"]["get"]["security"] = [{}, *found["security"]]
    for path, operation in _operations(found):
        operation.setdefault("parameters", []).extend(_HEADERS.get(path, ()))
        for parameter in operation["parameters"]:
            if parameter["name"] in _PATH_PARAMETERS:
                parameter["description"] = _PATH_PARAMETERS[parameter["name"]]
        operation["responses"]["default"] = {
            "description": "Any other problem: a wrong method, too large a body, or one that API Gateway finds.",
            "content": _OPENAI_ERROR if path.startswith("/v1/") else _PROBLEM,
        }
        if path.startswith("/v1/"):
            _add_gateways_own_errors(operation)
        _add_links(operation)
    _drop_what_is_not_ours(found)
    return found


def _add_gateways_own_errors(operation: dict[str, Any]) -> None:
    # These have OpenAI's error among the problem's fields.
    for status in _BEFORE_AUTHORIZER & set(operation["responses"]):
        content = operation["responses"][status]["content"]
        operation["responses"][status]["content"] = {**content, **_PROBLEM}


def _add_links(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if links := _LINKS.get((operation["operationId"], status)):
            response["links"] = links


def _operations(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in found["paths"].items():
        for operation in operations.values():
            yield path, operation


def _drop_what_is_not_ours(found: dict[str, Any]) -> None:
    # Powertools documents its own 422 validation error, which this API never sends, and a body for every answer.
    for _, operation in _operations(found):
        if "HTTPValidationError" in json.dumps(operation["responses"].get("422", "")):
            operation["responses"].pop("422")
        for status in _WITHOUT_BODY & set(operation["responses"]):
            operation["responses"][status].pop("content", None)
    for schema in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        found["components"]["schemas"].pop(schema, None)
