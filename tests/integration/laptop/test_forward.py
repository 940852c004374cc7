"""The forwarder to real Bedrock, with a fake Bedrock behind it."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.forward import application

DEVELOPER = Credentials("AKIADEVELOPER", "a secret", "a token")
PATH = "/model/amazon.titan-image-generator-v2%3A0/invoke"
FUNCTIONS_SCOPE = "AWS4-HMAC-SHA256 Credential=ASIAROLE/20261122/us-west-2/bedrock/aws4_request, SignedHeaders=host"
BODY = b'{"text": "a cat"}'


def forward(headers: dict[str, str]) -> tuple[int, str, list[dict[str, Any]]]:
    """Send a model call through the forwarder; return the answer and the received request."""
    received = []

    async def invoke(request: web.Request) -> web.Response:
        received.append({"url": str(request.url), "headers": request.headers.copy(), "body": await request.read()})
        return web.json_response({"region": request.match_info["region"]}, headers={"x-amzn-RequestId": "1"})

    async def scenario() -> tuple[int, str, list[dict[str, Any]]]:
        async with AsyncExitStack() as stack:
            bedrock = web.Application()
            bedrock.router.add_post("/{region}/model/{id}/invoke", invoke)
            server = await stack.enter_async_context(TestServer(bedrock))
            door = application(DEVELOPER, str(server.make_url("/")) + "{region}")
            client = await stack.enter_async_context(TestClient(TestServer(door)))
            answer = await client.post(PATH, data=BODY, headers=headers)
            return answer.status, await answer.text(), received

    return asyncio.run(scenario())


def test_a_call_is_signed_again_for_its_region() -> None:
    status, text, (received,) = forward({"Authorization": FUNCTIONS_SCOPE, "Content-Type": "application/json"})

    assert (status, text, received["body"]) == (200, '{"region": "us-west-2"}', BODY)
    assert received["headers"]["X-Amz-Security-Token"] == "a token"
    assert "ASIAROLE" not in received["headers"]["Authorization"]
    assert received["headers"]["Authorization"].endswith(f"Signature={_signature(received)}")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer something"}], ids=["unsigned", "bearer"])
def test_a_call_that_no_function_signed_is_refused(headers: dict[str, str]) -> None:
    status, _, received = forward(headers)

    assert (status, received) == (403, [])


def _signature(received: dict[str, Any]) -> str:
    """Compute the signature of a received request, as AWS does."""
    headers = received["headers"]
    signed = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest("POST", received["url"], headers={name: headers[name] for name in signed}, data=BODY)
    request.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(DEVELOPER, "bedrock", "us-west-2")
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
