"""GET /openapi.json and GET /docs."""

from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi import swagger_ui
from aws_lambda_powertools.event_handler.openapi.swagger_ui import generate_swagger_html
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

import bootstrap
from api.serialise import to_json

router = APIGatewayRouter()

Document = Callable[[], dict[str, Any]]


def serve(document: Document) -> APIGatewayRouter:
    """The routes that show this OpenAPI document, unless the operator turned them off."""

    @router.get("/openapi.json", include_in_schema=False)
    def openapi() -> Response[str]:
        return Response(HTTPStatus.OK, "application/json", _shown(document))

    @router.get("/docs", include_in_schema=False)
    def docs() -> Response[str]:
        page = generate_swagger_html(
            _shown(document).replace("</", "<\\/"), _asset("bundle.min.js"), _asset("min.css"), "", None
        )
        return Response(HTTPStatus.OK, "text/html", page)

    return router


def _shown(document: Document) -> str:
    if not bootstrap.settings().docs:
        raise NotFoundError
    return to_json(document())


def _asset(name: str) -> str:
    return files(swagger_ui).joinpath(f"swagger-ui{'-' if name.startswith('bundle') else '.'}{name}").read_text("utf-8")
