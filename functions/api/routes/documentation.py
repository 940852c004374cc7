"""GET /openapi.json and GET /docs."""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

import bootstrap
from api.serialise import to_json

router = APIGatewayRouter()

Document = Callable[[], dict[str, Any]]

_HEADERS = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def serve(document: Document) -> APIGatewayRouter:
    """The routes that serve the OpenAPI document, unless the operator turned them off."""

    @cache
    def page() -> str:
        from aws_lambda_powertools.event_handler.openapi.swagger_ui import (  # noqa: PLC0415 - slow, and rarely needed
            generate_swagger_html,
        )

        spec = to_json(document()).replace("</", "<\\/")
        return generate_swagger_html(spec, _asset("swagger-ui-bundle.min.js"), _asset("swagger-ui.min.css"), "", None)

    @router.get("/openapi.json", include_in_schema=False)
    def openapi() -> Response[str]:
        _require_docs()
        return Response(HTTPStatus.OK, "application/json", to_json(document()), _HEADERS)

    @router.get("/docs", include_in_schema=False)
    def docs() -> Response[str]:
        _require_docs()
        return Response(HTTPStatus.OK, "text/html; charset=utf-8", page(), _page_headers(page()))

    return router


def _require_docs() -> None:
    if not bootstrap.services().settings.docs:
        raise NotFoundError


@cache
def _page_headers(page: str) -> Mapping[str, str]:
    """A Content-Security-Policy that allows the page's own scripts only, no other host and no frame."""
    scripts = " ".join(_hash(script) for script in _INLINE_SCRIPT.findall(page))
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {**_HEADERS, "Content-Security-Policy": policy, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return files("aws_lambda_powertools.event_handler.openapi.swagger_ui").joinpath(name).read_text("utf-8")
