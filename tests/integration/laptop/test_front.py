"""The front address, with a fake MiniStack behind it."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from local import front, metrics
from local.front import Front
from local.gateway import Gateway
from local.guard import is_navigation_or_preflight
from local.guarded_server import guard

Handler = Callable[[web.Request], Awaitable[web.Response]]

DEFINITION: dict[str, Any] = {
    "x-amazon-apigateway-gateway-responses": {
        "DEFAULT_4XX": {
            "responseParameters": {
                "gatewayresponse.header.Retry-After": "'5'",
                "gatewayresponse.header.Content-Type": "context.authorizer.error_type",
            },
            "responseTemplates": {"application/json": '{"kind":"$context.error.responseType"}'},
        },
        "DEFAULT_5XX": {"responseTemplates": {"application/json": '{"title":$context.error.messageString}'}},
    },
}


def ask(upstream: Handler, method: str, path: str, **options: Any) -> tuple[int, Any, str]:  # noqa: ANN401
    """Send a request through the front address; return status, headers and text."""

    async def scenario() -> tuple[int, Any, str]:
        async with AsyncExitStack() as stack:
            ministack = await stack.enter_async_context(TestServer(_application(upstream)))
            session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            counted = metrics.Gateway("stack", "api")
            behind = Front(str(ministack.make_url("")).rstrip("/"), "abc", Gateway(DEFINITION), session, counted)
            guarded = guard(is_navigation_or_preflight, ["https://app.example"])
            app = web.Application(client_max_size=front.BODY_LIMIT, middlewares=[guarded])
            app.router.add_route("*", "/{path:.*}", behind.handle)
            client = await stack.enter_async_context(TestClient(TestServer(app)))
            answer = await client.request(method, path, allow_redirects=False, **options)
            text = await answer.text()
            return answer.status, answer.headers, text

    return asyncio.run(scenario())


async def echo(request: web.Request) -> web.Response:
    return web.json_response({"path": request.raw_path, "headers": {k.lower(): v for k, v in request.headers.items()}})


def test_a_request_reaches_the_stage_as_it_was_sent() -> None:
    _, _, text = ask(echo, "GET", "/api/images/a%2Fb.png?x=%20y", headers={"Host": "images.localhost"})

    assert '"path": "/restapis/abc/api/_user_request_/images/a%2Fb.png?x=%20y"' in text
    assert '"host": "images.localhost"' in text
    assert '"x-forwarded-proto": "http"' in text


@pytest.mark.parametrize(
    "sent", [{"Authorization": "Bearer one"}, {"Authorization": "\xa0Bearer one"}, {"x-api-key": "two"}], ids=repr
)
def test_keys_are_left_to_the_authorizer(sent: dict[str, str]) -> None:
    received = json.loads(ask(echo, "GET", "/api/x", headers=sent)[2])["headers"]
    assert {name: received.get(name.lower()) for name in ("Authorization", "x-api-key")} == {
        "Authorization": None,
        "x-api-key": None,
        **sent,
    }


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}], ids=repr)
def test_foreign_pages_do_not_reach_the_api(headers: dict[str, str]) -> None:
    status, received, _ = ask(echo, "POST", "/api/generate", headers=headers)
    assert (status, "Access-Control-Allow-Origin" in received) == (403, False)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}),
        ("OPTIONS", {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}),
    ],
    ids=repr,
)
def test_listed_origins_preflight_requests_and_links_reach_the_api(method: str, headers: dict[str, str]) -> None:
    status, _, text = ask(echo, method, "/api/docs", headers=headers)
    assert status == 200
    assert headers.items() <= {name.title(): value for name, value in json.loads(text)["headers"].items()}.items()


def test_a_body_over_the_limit_gets_the_default_gateway_response() -> None:
    status, headers, text = ask(echo, "POST", "/api/x", data=io.BytesIO(b"x" * (front.BODY_LIMIT + 1)))

    assert (status, text) == (413, '{"kind":"REQUEST_TOO_LARGE"}')
    assert (headers["Retry-After"], headers["Content-Type"]) == ("5", "application/json")


def test_a_functions_exception_is_hidden() -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.json_response({"message": '{"errorMessage": "a secret"}'}, status=502)

    assert ask(broken, "GET", "/api/x")[::2] == (502, '{"title":"Internal server error"}')


def test_a_functions_own_502_is_returned() -> None:
    async def problem(_: web.Request) -> web.Response:
        return web.Response(status=502, text='{"message": "mine"}', content_type="application/problem+json")

    assert ask(problem, "GET", "/api/x")[::2] == (502, '{"message": "mine"}')


def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://elsewhere.example/")

    status, headers, _ = ask(elsewhere, "GET", "/api/images/x.png")
    assert (status, headers["Location"]) == (302, "http://elsewhere.example/")


def _application(handler: Handler) -> web.Application:
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", handler)
    return app
