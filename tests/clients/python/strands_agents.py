"""The MCP client of Strands Agents, without an agent: the tools are called as its manual shows."""

import base64
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from strands.tools.mcp import MCPClient


def connection(key: str) -> MCPClient:
    return MCPClient(url=os.environ["MCP_URL"], headers={"x-api-key": key})


def call(client: MCPClient, tool: str, **arguments: object) -> dict[str, Any]:
    """The result with its images in base64, as MCP has them."""
    result = client.call_tool_sync("a-call", tool, arguments)
    return {**result, "content": [_as_in_mcp(block) for block in result["content"]]}


def _as_in_mcp(block: dict[str, Any]) -> dict[str, Any]:
    return {"data": base64.b64encode(block["image"]["source"]["bytes"]).decode()} if "image" in block else block


def refusal(attempt: Callable[[], object]) -> str:
    try:
        return repr(attempt())
    except Exception as error:  # noqa: BLE001 - whatever it is, is the answer
        return repr(error)


def with_a_wrong_key() -> str:
    with connection("nobody's"):
        return "accepted"


def main() -> None:
    with connection(os.environ["API_KEY"]) as client:
        made = call(client, "generate_image", text="A fox in the snow, Strands Agents", number_of_images=2)
        seen = {
            "version": version("strands-agents"),
            "protocol": client._background_thread_session.protocol_version,  # noqa: SLF001 - nothing public has it
            "tools": [tool.tool_name for tool in client.list_tools_sync()],
            "made": made,
            "job": call(client, "get_job", id=made["structuredContent"]["id"]),
            "models": call(client, "list_models"),
            "usage": call(client, "get_usage"),
            "refused": call(client, "generate_image", text="A fox", width=5000),
            "unknown": refusal(lambda: call(client, "paint")),
        }
    print(json.dumps(seen | {"wrong_key": refusal(with_a_wrong_key)}))  # noqa: T201 - this is the answer


main()
