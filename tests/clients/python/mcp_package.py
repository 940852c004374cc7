"""The official client of the Model Context Protocol, as its manual shows it."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable
from importlib.metadata import version
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

URL, KEY, MODE = os.environ["MCP_URL"], os.environ["API_KEY"], sys.argv[1]


def connection(key: str) -> Client:
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60)
    return Client(streamable_http_client(URL, http_client=http), mode=MODE)


async def main() -> None:
    async with connection(KEY) as client:
        made = await call(client, "generate_image", {"text": f"A fox in the snow, {MODE}", "number_of_images": 2})
        seen = {
            "version": version("mcp"),
            "protocol": client.protocol_version,
            "tools": [tool.name for tool in (await client.list_tools()).tools],
            "made": made,
            "job": await call(client, "get_job", {"id": made["structuredContent"]["id"]}),
            "models": await call(client, "list_models", {}),
            "usage": await call(client, "get_usage", {}),
            "refused": await call(client, "generate_image", {"text": "A fox", "width": 5000}),
            "unknown": await refusal(call(client, "paint", {})),
        }
    print(json.dumps(seen | {"wrong_key": await refusal(with_a_wrong_key())}))  # noqa: T201 - this is the answer


async def call(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def with_a_wrong_key() -> None:
    async with connection("nobody's") as client:
        await client.list_tools()


async def refusal(attempt: Awaitable[object]) -> str:
    try:
        await attempt
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever it is, is the answer
        return repr(error)
    return "accepted"


asyncio.run(main())
