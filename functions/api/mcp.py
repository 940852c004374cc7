"""The Model Context Protocol over Streamable HTTP: stateless, one JSON answer to each message.

The revision of 2026-07-28 has no handshake: each request names its version in its headers and in `_meta`. Clients of
earlier revisions open with `initialize`; nothing is remembered of it.

Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http, and the same of
2025-11-25.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import from_json

import bootstrap
from api import tools
from api.serialise import to_json
from api.tools import Asker, Result, Tool
from imaging.errors import ImagingError
from imaging.requests.request import whole
from imaging.requests.result import GenerationWarning, StoredImage
from version import VERSION

MODERN = ("2026-07-28",)
WITH_HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
SUPPORTED = (*MODERN, *WITH_HANDSHAKE)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022

PREVIEW_SIDE = 512
PREVIEW_BYTES = 96 * 1024
"""Four previews in base64 are half a megabyte, which the strictest client takes."""

LIST_TTL_MS = 300_000

_VERSION, _CAPABILITIES, _SERVER = (
    f"io.modelcontextprotocol/{name}" for name in ("protocolVersion", "clientCapabilities", "serverInfo")
)
_SERVER_INFO = {"name": "text-to-image-api", "title": "Text to image", "version": VERSION}
_INSTRUCTIONS = (
    "Makes images from text on Amazon Bedrock. Each image costs money: list_models has the prices, get_usage says what "
    "is spent. generate_image waits for the images; if it returns an unfinished job, call get_job with its id."
)
_ENCODED = re.compile(r"=\?base64\?(.*)\?=")
_LONGEST_NAME, _LONGEST_ID = 100, 256


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. A notification has no body."""

    status: HTTPStatus
    body: str = ""


class ProtocolError(Exception):
    """A JSON-RPC error, which says that the message itself is wrong."""

    def __init__(self, code: int, message: str, data: JsonValue = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({"data": data} if data else {})
        self.code = code


class JsonRpcMessage(BaseModel):
    """A JSON-RPC message: a request, or without an `id` a notification."""

    model_config = ConfigDict(strict=True)

    jsonrpc: Literal["2.0"] = Field(description="Always 2.0.")
    id: Annotated[int, BeforeValidator(whole)] | Annotated[str, Field(max_length=_LONGEST_ID)] = Field(
        default_factory=str,
        description="Repeated in the answer. Without one, the message is a notification, which has no answer.",
    )
    method: str = Field(description="As tools/list or tools/call.")
    params: dict[str, Any] = Field(default_factory=dict, description="As the method says.")

    @property
    def is_notification(self) -> bool:
        return "id" not in self.model_fields_set

    @property
    def meta(self) -> Mapping[str, Any]:
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}


@dataclass(frozen=True)
class Call:
    """A request, and what its HTTP headers say. Header names are in lower case; a header may come more than once."""

    message: JsonRpcMessage
    headers: Mapping[str, Collection[str]]
    asker: Asker

    @property
    def is_modern(self) -> bool:
        return self.version in MODERN

    @property
    def version(self) -> str:
        """The version that the request names. A request without one is of the first revision of this transport."""
        if self.message.method == "initialize" and _VERSION not in self.message.meta:
            return WITH_HANDSHAKE[0]
        named = self.message.meta.get(_VERSION, self._only("mcp-protocol-version"))
        return "2025-03-26" if named is None else str(named)

    def check(self) -> None:
        """Raises ProtocolError if the headers contradict the message, or name a version that is not supported."""
        if _VERSION in self.message.meta:
            self._require_header("MCP-Protocol-Version", self.message.meta[_VERSION])
        if self.version not in SUPPORTED:
            raise ProtocolError(
                UNSUPPORTED_VERSION,
                f"This protocol version is not supported. Use one of {', '.join(SUPPORTED)}.",
                {"supported": list(SUPPORTED), "requested": self.version[:_LONGEST_NAME]},
            )
        if self.is_modern:
            self._check_modern()

    def _check_modern(self) -> None:
        missing = [name for name in (_VERSION, _CAPABILITIES) if name not in self.message.meta]
        if missing:
            raise ProtocolError(INVALID_PARAMS, f"params._meta must have {' and '.join(missing)}.")
        self._require_header("Mcp-Method", self.message.method)
        if self.message.method == "tools/call":
            self._require_header("Mcp-Name", self.message.params.get("name"))

    def _require_header(self, name: str, value: object) -> None:
        if _decoded(self._only(name.lower())) != value:
            raise ProtocolError(HEADER_MISMATCH, f"The header {name} must be there once, and say what the body says.")

    def _only(self, name: str) -> str | None:
        values = self.headers.get(name, ())
        return next(iter(values)) if len(values) == 1 else None


def _decoded(header: str | None) -> str | None:
    """A header's value, which may be in base64 as =?base64?…?=."""
    found = _ENCODED.fullmatch(header or "")
    if found is None:
        return header
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def answer(text: str | None, headers: Mapping[str, Collection[str]], asker: Asker) -> Reply:
    """The answer to an HTTP body."""
    try:
        message = _parsed(text)
    except ProtocolError as error:
        return refusal(HTTPStatus.BAD_REQUEST, error)
    call = Call(message, headers, asker)
    try:
        call.check()
        return Reply(HTTPStatus.ACCEPTED) if message.is_notification else _reply(message, {"result": _result(call)})
    except ProtocolError as error:
        return _reply(message, {"error": error.error}, _status(error, call))


def refusal(status: HTTPStatus, error: ProtocolError) -> Reply:
    """The answer to a message that was not read, so that its id is unknown."""
    return Reply(status, to_json({"jsonrpc": "2.0", "id": None, "error": error.error}))


def _reply(message: JsonRpcMessage, outcome: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, to_json({"jsonrpc": "2.0", "id": message.id, **outcome}))


def _status(error: ProtocolError, call: Call) -> HTTPStatus:
    """Clients of earlier revisions read an error of a method only from a 200."""
    if call.is_modern:
        return HTTPStatus.NOT_FOUND if error.code == METHOD_NOT_FOUND else HTTPStatus.BAD_REQUEST
    is_of_method = error.code in {METHOD_NOT_FOUND, INVALID_PARAMS}
    return HTTPStatus.OK if is_of_method else HTTPStatus.BAD_REQUEST


def _parsed(text: str | None) -> JsonRpcMessage:
    try:
        value = from_json(text or "")
    except ValueError as error:
        raise ProtocolError(PARSE_ERROR, f"The body is not JSON that can be read: {error}. Send one message.") from None
    if isinstance(value, list):
        raise ProtocolError(INVALID_REQUEST, "Batches are not supported. Send each message in a request of its own.")
    try:
        return JsonRpcMessage.model_validate(value)
    except ValidationError:
        raise ProtocolError(
            INVALID_REQUEST,
            "The body is no JSON-RPC request. Send an object with jsonrpc 2.0, an id (an integer, or a text of at most "
            f"{_LONGEST_ID} characters), a method, and params as an object.",
        ) from None


def _result(call: Call) -> dict[str, Any]:
    methods = _MODERN_METHODS if call.is_modern else _HANDSHAKE_METHODS
    method = methods.get(call.message.method)
    if method is None:
        raise ProtocolError(METHOD_NOT_FOUND, f"There is no such method. There are {', '.join(methods)}.")
    result = method(call)
    return result | {"resultType": "complete", "_meta": {_SERVER: _SERVER_INFO}} if call.is_modern else result


def _initialize(call: Call) -> dict[str, Any]:
    wanted = call.message.params.get("protocolVersion")
    if not isinstance(wanted, str):
        raise ProtocolError(INVALID_PARAMS, "params.protocolVersion must be a text, as 2025-11-25.")
    return {
        "protocolVersion": wanted if wanted in WITH_HANDSHAKE else WITH_HANDSHAKE[0],
        "capabilities": {"tools": {}},
        "serverInfo": _SERVER_INFO,
        "instructions": _INSTRUCTIONS,
    }


def _discover(_: Call) -> dict[str, Any]:
    return {
        "supportedVersions": SUPPORTED,
        "capabilities": {"tools": {}},
        "instructions": _INSTRUCTIONS,
        **_CACHED,
    }


def _list_tools(call: Call) -> dict[str, Any]:
    if call.message.params.get("cursor") is not None:
        raise ProtocolError(INVALID_PARAMS, "There is no such cursor: all tools are on one page.")
    return {"tools": _described()} | (_CACHED if call.is_modern else {})


_CACHED = {"ttlMs": LIST_TTL_MS, "cacheScope": "public"}


def _call_tool(call: Call) -> dict[str, Any]:
    name, arguments = call.message.params.get("name"), call.message.params.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ProtocolError(INVALID_PARAMS, "params must have the tool's name, and its arguments as an object.")
    if name not in tools.TOOLS:
        raise ProtocolError(INVALID_PARAMS, f"There is no such tool. There are {', '.join(tools.TOOLS)}.")
    try:
        return _shown(tools.call(tools.TOOLS[name], arguments, call.asker), call.asker)
    except ImagingError as error:
        return {"content": [_text(tools.explanation(error))], "isError": True}


def _shown(result: Result, asker: Asker) -> dict[str, Any]:
    previews = [_preview(image, asker) for image in result.images]
    content = result.content
    if None in previews and isinstance(content, tools.ImagesJob):
        content = content.model_copy(update={"warnings": [*content.warnings, _NOT_SHOWN]})
    structured = content.model_dump(mode="json")
    return {
        "content": [_text(to_json(structured)), *filter(None, previews)],
        "structuredContent": structured,
        "isError": False,
    }


_NOT_SHOWN = GenerationWarning(
    code="preview_missing",
    field=None,
    detail="An image is not shown, because no small enough preview could be made. Its `url` has it.",
)


def _preview(image: StoredImage, asker: Asker) -> dict[str, str] | None:
    data = bootstrap.services().renditions.preview(asker.caller, image, PREVIEW_SIDE, PREVIEW_BYTES)
    return (
        None if data is None else {"type": "image", "data": base64.b64encode(data).decode(), "mimeType": "image/webp"}
    )


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


Method = Callable[[Call], dict[str, Any]]

_MODERN_METHODS: Mapping[str, Method] = {
    "server/discover": _discover,
    "tools/list": _list_tools,
    "tools/call": _call_tool,
}
_HANDSHAKE_METHODS: Mapping[str, Method] = {
    "initialize": _initialize,
    "ping": lambda _: {},
    "tools/list": _list_tools,
    "tools/call": _call_tool,
}


@cache
def _described() -> list[dict[str, Any]]:
    return [_description(tool) for tool in tools.TOOLS.values()]


def _description(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": input_schema(tool),
        "outputSchema": tool.result.model_json_schema(schema_generator=_Untitled, mode="serialization"),
        "annotations": dict(tool.hints),
    }


def input_schema(tool: Tool) -> dict[str, Any]:
    """The JSON Schema of a tool's arguments, without what language models have no use for: titles, patterns, examples,
    and null where it says the same as leaving the field out."""
    schema = tool.arguments.model_json_schema(schema_generator=_Untitled)
    return {
        "type": "object",
        "properties": {name: _property(found) for name, found in schema["properties"].items()},
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


def _property(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in schema.items() if name not in _USELESS}
    if kept.get("default", ...) is None:
        kept = {name: value for name, value in kept.items() if name not in {"anyOf", "default"}} | _not_null(schema)
    return kept


_USELESS = {"pattern", "examples"}


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - as pydantic declares it
        return False


def _not_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    variant: Mapping[str, Any] = next(each for each in schema["anyOf"] if each.get("type") != "null")
    return {name: value for name, value in variant.items() if name not in _USELESS}
