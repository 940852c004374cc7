"""Describes a route's answers for the OpenAPI document."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse, OpenAPIResponseHeader

from api.problems import CONTENT_TYPE, Problem, phrase

REQUEST_ID: dict[str, OpenAPIResponseHeader] = {
    "x-request-id": {
        "description": "The id under which the request is logged.",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER: OpenAPIResponseHeader = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
_ALLOW: OpenAPIResponseHeader = {"description": "The methods that this path answers.", "schema": {"type": "string"}}

_HEADERS: dict[int, dict[str, OpenAPIResponseHeader]] = {
    405: {"Allow": _ALLOW},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
    504: {"Retry-After": _RETRY_AFTER},
}


def answers(model: Any, description: str, *problems: int) -> dict[int, OpenAPIResponse]:  # noqa: ANN401 - a type
    """The answers of a route: 200 with a body of type `model`, or a problem with one of these statuses."""
    return {
        200: {
            "description": description,
            "content": {"application/json": {"model": model}},
            "headers": REQUEST_ID,
        },
        **refusals(*problems),
    }


def refusals(*problems: int) -> dict[int, OpenAPIResponse]:
    """Problem documents with these statuses."""
    return {status: _problem(status) for status in problems}


def _problem(status: int) -> OpenAPIResponse:
    return {
        "description": phrase(HTTPStatus(status)),
        "content": {CONTENT_TYPE: {"model": Problem}},
        "headers": REQUEST_ID | _HEADERS.get(status, {}),
    }
