"""The guard for the stack's own servers, which run on aiohttp."""

from collections.abc import Awaitable, Callable, Collection

from aiohttp import web
from aiohttp.typedefs import Middleware

from local.guard import FORBIDDEN, Exemption, Request, nothing, refusal


def guard(exempt: Exemption = nothing, origins: Collection[str] = ()) -> Middleware:
    @web.middleware
    async def refuse(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        reason = refusal(_of(request), exempt, origins)
        if reason is None:
            return await handler(request)
        return web.Response(status=FORBIDDEN, text=f"The laptop stack refuses this request. {reason}")

    return refuse


def _of(request: web.Request) -> Request:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, request.raw_path, headers)
