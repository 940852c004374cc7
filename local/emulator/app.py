"""The emulator as a web application: InvokeModel and the control endpoint."""

import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from local.emulator import control, iam
from local.emulator.bedrock import Bedrock, Invocation
from local.emulator.errors import BODY_TOO_LONG, Refusal, invalid
from local.emulator.models import MODELS, Catalog, Model
from local.guard import is_navigation
from local.guarded_server import guard

BODY_LIMIT = 25_000_000  # Bedrock's own

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Settings:
    iam_url: str | None = None
    profiles: Mapping[str, str] = field(default_factory=dict)
    more_models: Mapping[str, Model] = field(default_factory=dict)


BEDROCK: web.AppKey[Bedrock] = web.AppKey("bedrock", Bedrock)
SETTINGS: web.AppKey[Settings] = web.AppKey("settings", Settings)
SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)


def create_app(settings: Settings) -> web.Application:
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[guard(is_navigation), _refusals])
    app[SETTINGS] = settings
    app.cleanup_ctx.append(_resources)
    app.add_routes(
        [
            web.post("/model/{model}/invoke", invoke),
            web.get("/foundation-models/{model}", foundation_model),
            web.get("/foundation-model-availability/{model}", availability),
            web.post("/_control", configure),
            web.get("/_control", show_configuration),
            web.get("/_control/calls", show_calls),
            web.delete("/_control/calls", forget_calls),
        ]
    )
    return app


async def _resources(app: web.Application) -> AsyncIterator[None]:
    skipped = {"Accept", "Accept-Encoding", "Content-Type", "User-Agent"}
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="painter") as painters:
        app[BEDROCK] = Bedrock(_catalog(app[SETTINGS]), painters)
        # IAM may close an idle connection just as a call is sent on it.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector, skip_auto_headers=skipped, auto_decompress=False
        ) as session:
            app[SESSION] = session
            yield


def _catalog(settings: Settings) -> Catalog:
    return Catalog({**MODELS, **settings.more_models}, settings.profiles)


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return _exception(refusal.name, refusal.status, refusal.body(request.match_info.get("model", "")))
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        message = f"There is no {request.method} {request.path} in this emulator of InvokeModel."
        return _exception("UnknownOperationException", 404, {"message": message})


def _exception(name: str, status: int, body: dict[str, object]) -> web.Response:
    headers = {"x-amzn-ErrorType": name, "x-amzn-RequestId": str(uuid.uuid4())}
    return _json(body, status, headers)


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer as Bedrock does: the content type carries no charset."""
    text = json.dumps(body).encode("ascii")
    return web.Response(body=text, status=status, headers=headers, content_type="application/json")


async def invoke(request: web.Request) -> web.StreamResponse:
    bedrock, model = request.app[BEDROCK], request.match_info["model"]
    try:
        body = await _body(request)
        refused = await _refused_by_iam(request)
    except Refusal as refusal:
        bedrock.record(model, refusal.status)
        raise
    if refused:
        bedrock.record(model, refused.status)
        return refused
    answer = await bedrock.invoke(_invocation(request, body))
    return _hang_up(request) if answer is None else _success(answer)


async def foundation_model(request: web.Request) -> web.StreamResponse:
    """GetFoundationModel of Bedrock's control plane."""
    found = request.app[BEDROCK].foundation_model(request.match_info["model"], _region(request))
    return await _refused_by_iam(request) or _success({"modelDetails": found})


async def availability(request: web.Request) -> web.StreamResponse:
    """GetFoundationModelAvailability of Bedrock's control plane."""
    found = request.app[BEDROCK].availability(request.match_info["model"], _region(request))
    return await _refused_by_iam(request) or _success(found)


def _region(request: web.Request) -> str | None:
    return iam.signed_region(request.headers.get("Authorization"))


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise invalid(BODY_TOO_LONG) from None


def _invocation(request: web.Request, body: bytes) -> Invocation:
    return Invocation(
        model=request.match_info["model"],
        body=body,
        region=_region(request),
        content_type=request.headers.get("Content-Type"),
        accept=request.headers.get("Accept"),
        guardrail=request.headers.get("X-Amzn-Bedrock-GuardrailIdentifier"),
        guardrail_version=request.headers.get("X-Amzn-Bedrock-GuardrailVersion"),
    )


async def _refused_by_iam(request: web.Request) -> web.Response | None:
    url = request.app[SETTINGS].iam_url
    if url is None or not iam.is_signed(request.headers.get("Authorization")):
        return None
    return await iam.refusal(request.app[SESSION], url, request)


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport:
        request.transport.close()
    return web.Response()


def _success(body: dict[str, object]) -> web.Response:
    return _json(body, headers={"x-amzn-RequestId": str(uuid.uuid4())})


async def configure(request: web.Request) -> web.Response:
    bedrock = request.app[BEDROCK]
    try:
        configuration = control.read(await request.read(), bedrock.catalog.names)
    except ValueError as error:
        return _json({"message": str(error)}, status=400)
    bedrock.configure(configuration)
    return _json(configuration.settings())


async def show_configuration(request: web.Request) -> web.Response:
    return _json(request.app[BEDROCK].configuration.settings())


async def show_calls(request: web.Request) -> web.Response:
    return _json(request.app[BEDROCK].recorded())


async def forget_calls(request: web.Request) -> web.Response:
    request.app[BEDROCK].calls.clear()
    return web.Response(status=204)


@asynccontextmanager
async def serving(settings: Settings, host: str, port: int) -> AsyncIterator[str]:
    """Serve while the context is open and yield the base URL; port 0 takes a free one."""
    runner = web.AppRunner(create_app(settings), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
