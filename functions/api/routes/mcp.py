"""POST /mcp: the tools of agents, by the Model Context Protocol."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

import bootstrap
from api.caller import address, caller, stable_link
from api.responses import REQUEST_ID, answers

router = APIGatewayRouter()


class JsonRpcError(BaseModel):
    """What is wrong with a message."""

    code: int = Field(description="As JSON-RPC and MCP define it.")
    message: str = Field(description="What happened, and what to do.")
    data: Any = Field(None, description="As MCP defines it for the code.")


class JsonRpcAnswer(BaseModel):
    """The answer to a request: `result` or `error`. A tool that failed has a `result` with `isError`."""

    jsonrpc: str = Field(description="Always 2.0.")
    id: int | str | None = Field(description="The request's id; null if it could not be read.")
    result: dict[str, Any] | None = Field(None, description="As the method says.")
    error: JsonRpcError | None = Field(None, description="Why the message was refused.")


_JSON_RPC: Mapping[str, Any] = {"application/json": {"model": JsonRpcAnswer}}
_ANSWERS: dict[int, OpenAPIResponse] = answers(
    JsonRpcAnswer, "The answer.", 400, 401, 403, 404, 413, 415, 429, 500, 504
)
_ANSWERS[202] = {"description": "A notification was accepted.", "headers": REQUEST_ID}
for _status in (400, 403, 404, 415):
    _ANSWERS[_status]["content"] = {**_ANSWERS[_status]["content"], **_JSON_RPC}


@router.post(
    "/mcp",
    summary="Call tools as an agent",
    tags=["Agents"],
    operation_id="mcp",
    description="The Model Context Protocol (MCP) over Streamable HTTP, without sessions and streams: each POST has "
    "one JSON-RPC message, and is answered in JSON. Revisions 2026-07-28, 2025-11-25, 2025-06-18, 2025-03-26 and "
    "2024-11-05.",
    responses=_ANSWERS,
    enable_validation=False,
)
def mcp() -> Response[str]:
    from api import mcp  # noqa: PLC0415 - the tools' schemas are slow to build, and only agents need them
    from api.tools import Asker  # noqa: PLC0415 - as above

    event = router.current_event
    if not _is_allowed(event):
        reply = mcp.refusal(HTTPStatus.FORBIDDEN, mcp.ProtocolError(mcp.INVALID_REQUEST, _WRONG_ORIGIN))
    elif not _is_json(router.context["content_type"]):
        reply = mcp.refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, mcp.ProtocolError(mcp.INVALID_REQUEST, _WRONG_TYPE))
    else:
        reply = mcp.answer(event.body, _headers(event), Asker(caller(event), stable_link(event)))
    return Response(reply.status, "application/json" if reply.body else None, reply.body)


_WRONG_ORIGIN = "Pages of this origin may not call the API. The operator can list it in CorsOrigins."
_WRONG_TYPE = "The Content-Type must be application/json."


def _is_allowed(event: APIGatewayProxyEvent) -> bool:
    """Whether the request comes from no page, or from one that may call: MCP demands this check."""
    origin, listed = event.headers.get("origin"), bootstrap.services().settings.cors_origins
    own = urlsplit(address(event))
    return origin is None or "*" in listed or origin in {*listed, f"{own.scheme}://{own.netloc}"}


def _is_json(content_type: str | None) -> bool:
    return content_type is None or content_type.partition(";")[0].strip().lower() == "application/json"


def _headers(event: APIGatewayProxyEvent) -> Mapping[str, Collection[str]]:
    every = event.get("multiValueHeaders") or {name: [value] for name, value in event.headers.items()}
    return {name.lower(): values for name, values in every.items()}
