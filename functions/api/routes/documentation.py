"""GET /openapi.json and GET /docs."""

import gzip
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
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

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="UTF-8"><title>text-to-image-api</title></head>
<body>
<p>This page needs JavaScript and a browser of 2023 or later.
See <a href="openapi.json">openapi.json</a> without them.</p>
<script id="packed" type="text/plain">{packed}</script>
<script>{unpack}</script>
</body>
</html>
"""

_UNPACK = """(async () => {
  const packed = Uint8Array.from(atob(document.getElementById("packed").text), (each) => each.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const page = new DOMParser().parseFromString(await new Response(unpacked).text(), "text/html");
  document.title = page.title;
  document.head.append(...page.querySelectorAll("style"));
  document.body.replaceChildren(page.getElementById("swagger-ui"));
  for (const {text} of page.scripts) {
    document.body.append(Object.assign(document.createElement("script"), {text}));
  }
})();"""


def serve(document: Document) -> APIGatewayRouter:
    """The routes that serve the OpenAPI document, unless the operator turned them off."""

    @cache
    def page() -> tuple[str, Mapping[str, str]]:
        from aws_lambda_powertools.event_handler.openapi.swagger_ui import (  # noqa: PLC0415 - slow, and rarely needed
            generate_swagger_html,
        )

        spec = to_json(document()).replace("</", "<\\/")
        swagger = generate_swagger_html(
            spec, _asset("swagger-ui-bundle.min.js"), _asset("swagger-ui.min.css"), "", None
        )
        return _packed(swagger), _page_headers([_UNPACK, *_INLINE_SCRIPT.findall(swagger)])

    @router.get("/openapi.json", include_in_schema=False)
    def openapi() -> Response[str]:
        _require_docs()
        return Response(HTTPStatus.OK, "application/json", to_json(document()), _HEADERS)

    @router.get("/docs", include_in_schema=False)
    def docs() -> Response[str]:
        _require_docs()
        text, headers = page()
        return Response(HTTPStatus.OK, "text/html; charset=utf-8", text, headers)

    return router


def _require_docs() -> None:
    if not bootstrap.services().settings.docs:
        raise NotFoundError


def _packed(page: str) -> str:
    """A page that unpacks this one. API Gateway compresses only for clients that ask for it, and Swagger's page has
    1.8 MB."""
    packed = b64encode(gzip.compress(page.encode(), mtime=0)).decode()
    return _PAGE.format(packed=packed, unpack=_UNPACK)


def _page_headers(scripts: Sequence[str]) -> Mapping[str, str]:
    """A Content-Security-Policy that allows these scripts only, no other host and no frame."""
    hashes = " ".join(_hash(script) for script in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {**_HEADERS, "Content-Security-Policy": policy, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return files("aws_lambda_powertools.event_handler.openapi.swagger_ui").joinpath(name).read_text("utf-8")
