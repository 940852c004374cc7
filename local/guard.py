"""Refuses requests that a web page of another origin makes to the laptop stack, in the developer's browser.

Such a page can reach every port of this machine. Programs send neither `Origin` nor `Sec-Fetch-Site`, so they are not
affected. Standard library only: MiniStack and the studio run in environments of their own.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

FORBIDDEN = 403
ANY_ORIGIN = "*"
# How containers call this machine: its address in Docker's network, or Docker Desktop's name for it.
DOCKERS_NAME = "host.docker.internal"

# No page can send a header whose name starts with `Sec-`.
FRONT = "Sec-Laptop-Front"

_POLICY_VIOLATION = 1008
_LINK = re.compile(r"/[a-z0-9.-]+/(generated_images|renditions)(/[A-Za-z0-9_-]+){1,2}\.[a-z]+")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """The headers' names are in lower case; the target is the path with its query."""

    method: str
    target: str
    headers: Mapping[str, str]


Exemption = Callable[[Request], bool]


def nothing(_: Request) -> bool:
    return False


def is_navigation(request: Request) -> bool:
    """Whether a page or a mail links here. The page that linked sees nothing of the answer."""
    return request.method in {"GET", "HEAD"} and request.headers.get("sec-fetch-mode") == "navigate"


def is_navigation_or_preflight(request: Request) -> bool:
    """A preflight request changes nothing; the API answers it as CorsOrigins says."""
    return is_navigation(request) or request.method == "OPTIONS"


def came_through_the_front(request: Request) -> bool:
    """Whether the front address, which has a guard of its own, passed on what a page sent."""
    return FRONT.lower() in request.headers


def is_image_link(request: Request) -> bool:
    """Whether this reads an image by a presigned link, which any page may show."""
    path, _, query = request.target.partition("?")
    parameters = parse_qs(query)
    return (
        request.method in {"GET", "HEAD", "OPTIONS"}
        and _LINK.fullmatch(path) is not None
        and parameters.get("X-Amz-Credential", [""])[-1].endswith("/s3/aws4_request")
        and "X-Amz-Signature" in parameters
        and "Action" not in parameters
    )


def refusal(request: Request, exempt: Exemption = nothing, origins: Collection[str] = ()) -> str | None:
    """Return why the request is refused, or None. Pages of `origins` may make any request, others exempt ones only."""
    host = request.headers.get("host", "")
    if not _is_this_machine(host):
        return f"It was sent to the host {host!r}, which is no name of this machine. Use 127.0.0.1 or localhost.\n"
    if _is_foreign(request, host, origins) and not exempt(request):
        return (
            "A web page of another origin sent it, and only programs and the stack's own pages may. "
            "To call the API from a page, list its origin: make up PARAMETERS='CorsOrigins=<origin>'.\n"
        )
    return None


def _is_this_machine(host: str) -> bool:
    """A page that was loaded under another name has made that name lead here (DNS rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in {"localhost", DOCKERS_NAME} or name.endswith(".localhost") or _is_own_address(name)


def _is_own_address(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Browsers send no Sec-Fetch-Site to 0.0.0.0.
    return address.is_private and not address.is_unspecified


def _is_foreign(request: Request, host: str, origins: Collection[str]) -> bool:
    origin = request.headers.get("origin")
    if origin is not None:
        return origin != f"http://{host}" and origin not in origins and ANY_ORIGIN not in origins
    # `none` is an address that was typed, or a link in a mail.
    return request.headers.get("sec-fetch-site", "same-origin") != "same-origin"


@dataclass(frozen=True)
class Guarded:
    """An ASGI application behind the guard."""

    app: App
    exempt: Exemption = nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = None if scope["type"] == "lifespan" else refusal(_request(scope), self.exempt)
        if reason is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await _refuse(send, reason)


def _request(scope: Scope) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    query = scope.get("query_string", b"")
    return Request(scope.get("method", "GET"), (path + b"?" + query).decode("latin-1"), headers)


async def _refuse(send: Send, reason: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": FORBIDDEN, "headers": headers})
    await send({"type": "http.response.body", "body": f"The laptop stack refuses this request. {reason}".encode()})
