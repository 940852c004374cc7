"""Forwards each signed call to MiniStack, whose IAM allows or refuses it."""

import re

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from local.emulator.errors import Refusal

# The refusals of IAM and of the signature check; other errors come from MiniStack's own mock of Bedrock.
REFUSAL_STATUS = frozenset({401, 403})
REFUSAL_NAMES = re.compile(
    r"AccessDenied|IncompleteSignature|InvalidSignature|SignatureDoesNotMatch|InvalidClientTokenId|"
    r"MissingAuthentication|MissingAuthorization|UnrecognizedClient|ExpiredToken|RequestExpired"
)
NOT_PASSED_BACK = ("Connection", "Content-Length", "Date", "Server", "Transfer-Encoding")
SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/(?P<region>[^/,\s]+)/")


def is_signed(authorization: str | None) -> bool:
    return authorization is not None and authorization.startswith("AWS4-")


def signed_region(authorization: str | None) -> str | None:
    """Return the region of the credential scope."""
    scope = SCOPE.search(authorization or "")
    return scope["region"] if scope and is_signed(authorization) else None


async def refusal(session: aiohttp.ClientSession, url: str, request: web.Request) -> web.Response | None:
    """Forward the call unchanged, since its signature covers host and path, and return any refusal."""
    try:
        async with session.request(
            request.method,
            URL(url.rstrip("/") + request.raw_path, encoded=True),
            headers=_headers(request),
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            return await _refusal(answer)
    except (aiohttp.ClientError, TimeoutError) as error:
        message = f"IAM could not be asked at {url}: {error}"
        raise Refusal("ServiceUnavailableException", message) from error


def _headers(request: web.Request) -> CIMultiDict[str]:
    headers = CIMultiDict(request.headers)
    for name in ("Content-Length", "Transfer-Encoding"):
        headers.popall(name, None)
    return headers


async def _refusal(answer: aiohttp.ClientResponse) -> web.Response | None:
    body = await answer.read()
    named = REFUSAL_NAMES.search(answer.headers.get("x-amzn-ErrorType", "") + body.decode("utf-8", "replace"))
    if answer.status not in REFUSAL_STATUS and not (answer.status == web.HTTPBadRequest.status_code and named):
        return None
    headers = CIMultiDict(answer.headers)
    for name in NOT_PASSED_BACK:
        headers.popall(name, None)
    return web.Response(status=answer.status, headers=headers, body=body)
