"""Forwards model calls to real Bedrock: `python -m local.forward --port N`.

The functions sign with MiniStack's credentials, which AWS does not know. The forwarder signs each model call again with
the developer's credentials (environment, `.env` or AWS profile), and sends it to the region it was signed for.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable

import aiohttp
import botocore.session
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from dotenv import load_dotenv
from yarl import URL

from local import net
from local.guard import is_navigation
from local.guarded_server import guard
from local.places import PROJECT

BEDROCK = "https://bedrock-runtime.{region}.amazonaws.com"
KEPT_HEADERS = (
    *("Accept", "Content-Type", "X-Amzn-Bedrock-Trace"),
    *("X-Amzn-Bedrock-GuardrailIdentifier", "X-Amzn-Bedrock-GuardrailVersion"),
)
BODY_LIMIT = 32 * 1024 * 1024

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/bedrock/aws4_request")


def application(credentials: Credentials, bedrock: str = BEDROCK) -> web.Application:
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[guard(is_navigation)])
    app.router.add_get("/health", _health)
    app.cleanup_ctx.append(_door(credentials, bedrock))
    return app


def _door(credentials: Credentials, bedrock: str) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False, trust_env=True
        ) as session:

            async def invoke(request: web.Request) -> web.Response:
                return await _invoke(request, credentials, bedrock, session)

            app.router.add_post("/model/{path:.*}", invoke)
            yield

    return context


async def _health(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _invoke(
    request: web.Request, credentials: Credentials, bedrock: str, session: aiohttp.ClientSession
) -> web.Response:
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    if scope is None:
        return _refusal(403, "AccessDeniedException", "The call is not signed for Bedrock.")
    target = bedrock.format(region=scope["region"]) + request.rel_url.raw_path
    headers = {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers}
    signed = AWSRequest("POST", target, headers=headers, data=await request.read())
    await asyncio.to_thread(SigV4Auth(credentials, "bedrock", scope["region"]).add_auth, signed)
    try:
        async with session.post(URL(target, encoded=True), headers=dict(signed.headers), data=signed.body) as answer:
            return web.Response(status=answer.status, headers=_returned(answer), body=await answer.read())
    except aiohttp.ClientError as error:
        return _refusal(503, "ServiceUnavailableException", f"Bedrock cannot be reached from here: {error}")


def _refusal(status: int, name: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": name})


def _returned(answer: aiohttp.ClientResponse) -> dict[str, str]:
    forwarded = ("content-type", "x-amzn")
    return {name: value for name, value in answer.headers.items() if name.lower().startswith(forwarded)}


def developer_credentials() -> Credentials:
    load_dotenv(PROJECT / ".env")
    try:
        credentials = botocore.session.get_session().get_credentials()
    except BotoCoreError as error:
        sys.exit(f"The AWS credentials cannot be used: {error}")
    if credentials is None:
        sys.exit("BEDROCK=aws needs AWS credentials: put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into .env.")
    return credentials


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.forward", description="Passes model calls on to Bedrock.")
    parser.add_argument("--port", type=int, required=True)
    web.run_app(application(developer_credentials()), host=net.HOST, port=parser.parse_args().port, print=None)


if __name__ == "__main__":
    main()
