"""The front address, which stands for the API's custom domain: `python -m local.front <folder of the stack>`.

It forwards requests to the deployed API in MiniStack, and adds what MiniStack lacks of API Gateway: the limit of body
size, and the template's gateway responses.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from local import metrics, net
from local.gateway import Answer, Gateway
from local.guard import FRONT, is_navigation_or_preflight
from local.guarded_server import guard
from local.mirror import Mirror
from local.places import Places, read_json

MODEL_REGIONS = ("us-east-1", "us-west-2")
BODY_LIMIT = 10 * 1024 * 1024
HOP_BY_HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "upgrade"}


@dataclass(frozen=True)
class Upstream:
    """MiniStack's complete response."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


@dataclass(frozen=True)
class Front:
    ministack_url: str
    api_id: str
    gateway: Gateway
    session: aiohttp.ClientSession
    counted: metrics.Gateway

    async def handle(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        response = await self._answer(request)
        self.counted.count(response.status, time.monotonic() - began)
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._own("REQUEST_TOO_LARGE", 413, "Request Too Long")
        except (aiohttp.http.HttpProcessingError, aiohttp.ClientPayloadError):
            return self._own("DEFAULT_4XX", 400, "Bad Request")
        try:
            return _passed_on(self._in_our_words(await self._upstream(request, body)))
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=f"MiniStack does not answer ({error}). Start again with `make up`.\n")

    async def _upstream(self, request: web.Request, body: bytes) -> Upstream:
        stage, _, rest = request.rel_url.raw_path.lstrip("/").partition("/")
        # No wildcard of a policy matches a newline in MiniStack, so it stays encoded.
        path = f"/restapis/{self.api_id}/{stage}/_user_request_/{_NEWLINE.sub('%250A', rest)}"
        query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
        target = URL(f"{self.ministack_url}{path}{query}", encoded=True)
        async with self.session.request(
            request.method, target, headers=_sent_on(request), data=body, allow_redirects=False
        ) as answer:
            return Upstream(answer.status, answer.headers.copy(), await answer.read())

    def _in_our_words(self, upstream: Upstream) -> Upstream:
        if not _is_function_error(upstream):
            return upstream
        answer = self.gateway.answer("DEFAULT_5XX", upstream.status, "Internal server error")
        return Upstream(upstream.status, CIMultiDict(answer.headers), answer.body.encode())

    def _own(self, kind: str, status: int, message: str) -> web.Response:
        return _written(self.gateway.answer(kind, status, message))


def application(config: dict[str, Any], images: Path) -> web.Application:
    app = web.Application(
        client_max_size=BODY_LIMIT, middlewares=[guard(is_navigation_or_preflight, config["cors_origins"])]
    )
    counted = metrics.Gateway(config["stack_name"], config["stage"])
    app.cleanup_ctx.append(_front(config, counted))
    app.cleanup_ctx.append(_running(Mirror(config["ministack_url"], config["bucket"], images).run))
    for publisher in _metrics(config, counted):
        app.cleanup_ctx.append(_running(publisher.run))
    return app


def _metrics(config: dict[str, Any], counted: metrics.Gateway) -> Iterator[metrics.Metrics]:
    endpoint = config["ministack_url"]
    log_groups = [metrics.LogGroup(endpoint, name) for name in config["log_groups"]]
    queues = [metrics.Queue(endpoint, url) for url in config["queue_urls"]]
    yield metrics.Metrics(endpoint, [counted, *log_groups, *queues])
    # Bedrock counts a call in its region, which the emulator does not tell, so it counts in each.
    if config["emulator_url"]:
        for region in MODEL_REGIONS:
            yield metrics.Metrics(endpoint, [metrics.ModelCalls(config["emulator_url"])], region)


def _front(config: dict[str, Any], counted: metrics.Gateway) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(app: web.Application) -> AsyncIterator[None]:
        unlimited = aiohttp.ClientTimeout(total=None)
        connections = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            timeout=unlimited, connector=connections, auto_decompress=False, skip_auto_headers=_NOTHING_ADDED
        ) as session:
            gateway = Gateway(config["definition"])
            front = Front(config["ministack_url"], config["api_id"], gateway, session, counted)
            app.router.add_route("*", "/{path:(?s:.*)}", front.handle)
            yield

    return context


def _running(run: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[web.Application], AsyncIterator[None]]:
    """Runs for as long as the application does."""

    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(run())
        yield
        await _ended(task)

    return context


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


_NEWLINE = re.compile("%0A", re.IGNORECASE)

_NOTHING_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def _sent_on(request: web.Request) -> CIMultiDict[str]:
    headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP)
    headers[FRONT] = "1"
    headers["X-Forwarded-For"] = request.remote or net.HOST
    headers["X-Forwarded-Proto"] = request.scheme
    headers["X-Forwarded-Port"] = str(request.url.port)
    return headers


def _is_function_error(upstream: Upstream) -> bool:
    """MiniStack returns the function's exception, which API Gateway hides."""
    if upstream.status != 502 or "problem" in upstream.headers.get("Content-Type", ""):  # noqa: PLR2004
        return False
    with suppress(ValueError):
        body = json.loads(upstream.body)
        return isinstance(body, dict) and body.keys() == {"message"}
    return False


def _passed_on(upstream: Upstream) -> web.Response:
    headers = CIMultiDict((k, v) for k, v in upstream.headers.items() if k.lower() not in HOP_BY_HOP)
    return web.Response(status=upstream.status, headers=headers, body=upstream.body)


def _written(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body.encode())


def main(arguments: list[str]) -> None:
    places = Places(Path(arguments[0]))
    config = read_json(places.front)
    if config is None:
        sys.exit(f"{places.front} is missing: the front address is started by `make up`.")
    web.run_app(application(config, places.images), host=net.HOST, port=config["port"], print=None)


if __name__ == "__main__":
    main(sys.argv[1:])
