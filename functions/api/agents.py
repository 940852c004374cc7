"""Agents that invoke the function directly: Amazon Bedrock AgentCore's gateway, and action groups of Amazon Bedrock
Agents. Their calls are those of the caller `direct`.

Source: https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-add-target-lambda.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/agents-lambda.html.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from api.caller import DIRECT
from api.problems import STATUS_BY_CODE
from api.serialise import to_json
from imaging.errors import ImagingError, InvalidRequest

if TYPE_CHECKING:
    from api.tools import Tool

_NAME = "bedrockAgentCoreToolName"
_PREFIX_END = "___"
_OF_ACTION_GROUPS = {"messageVersion", "actionGroup"}
_WRITTEN_AS_JSON = {"integer", "number", "boolean", "array", "object"}


def is_call(event: object, context: LambdaContext) -> bool:
    """Whether the event is an agent's."""
    return _gateways_tool(context) is not None or _is_of_action_group(event)


def answer(event: object, context: LambdaContext) -> dict[str, Any]:
    """What the tool returned, or why it failed, as the agent's service takes it. Raises InvalidRequest for an event of
    Bedrock Agents that cannot be read."""
    tool = _gateways_tool(context)
    return _for_gateway(tool, event) if tool is not None else _for_action_group(_ActionGroupEvent.of(event))


def _gateways_tool(context: LambdaContext) -> str | None:
    """The tool that AgentCore's gateway calls, without the name of its target."""
    custom = getattr(getattr(context, "client_context", None), "custom", None)
    name = custom.get(_NAME) if isinstance(custom, dict) else None
    return None if name is None else str(name).rpartition(_PREFIX_END)[2]


def _is_of_action_group(event: object) -> bool:
    return isinstance(event, dict) and set(event) >= _OF_ACTION_GROUPS


def _for_gateway(tool: str, arguments: object) -> dict[str, Any]:
    """The gateway's event is the map of arguments. An exception would reach the agent without its text."""
    try:
        return _called(tool, arguments if isinstance(arguments, dict) else {})
    except ImagingError as error:
        return {"content": [{"type": "text", "text": _explanation(error)}], "isError": True}


def _called(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    from api import tools  # noqa: PLC0415 - as in the route of MCP

    result = tools.call(_tool(name, tools.TOOLS), arguments, tools.Asker(DIRECT))
    return result.content.model_dump(mode="json", exclude_none=True)


def _tool(name: str, known: Mapping[str, "Tool"]) -> "Tool":
    if name not in known:
        raise InvalidRequest(f"There is no such tool. There are {', '.join(known)}.")
    return known[name]


def _explanation(error: ImagingError) -> str:
    from api.tools import explanation  # noqa: PLC0415 - as in the route of MCP

    return explanation(error)


class _Property(BaseModel):
    name: str
    type: str = "string"
    value: Any = None

    @property
    def argument(self) -> Any:  # noqa: ANN401 - any JSON
        """The value, which Bedrock Agents write as a text. One that does not fit its type is left to the tool."""
        if self.type in _WRITTEN_AS_JSON and isinstance(self.value, str):
            with suppress(ValueError):
                return from_json(self.value)
        return self.value


class _Media(BaseModel):
    properties: Sequence[_Property] = ()


class _Body(BaseModel):
    content: Mapping[str, _Media] = {}


class _ActionGroupEvent(BaseModel):
    """A call of an action group that is defined by an OpenAPI schema (`apiPath`), or by functions (`function`)."""

    actionGroup: str  # noqa: N815 - Bedrock's name
    apiPath: str | None = None  # noqa: N815 - as above
    httpMethod: str | None = None  # noqa: N815 - as above
    function: str | None = None
    parameters: Sequence[_Property] | None = None
    requestBody: _Body | None = None  # noqa: N815 - as above

    @classmethod
    def of(cls, event: object) -> "_ActionGroupEvent":
        try:
            return cls.model_validate(event)
        except ValidationError:
            raise InvalidRequest("The event has the form of Bedrock Agents', but cannot be read as one.") from None

    @property
    def tool(self) -> str:
        return (self.function or self.apiPath or "").removeprefix("/")

    @property
    def arguments(self) -> dict[str, Any]:
        return {each.name: each.argument for each in self._properties()}

    def _properties(self) -> Iterator[_Property]:
        yield from self.parameters or ()
        for media in self.requestBody.content.values() if self.requestBody else ():
            yield from media.properties


def _for_action_group(event: _ActionGroupEvent) -> dict[str, Any]:
    try:
        return _response(event, HTTPStatus.OK, to_json(_called(event.tool, event.arguments)))
    except ImagingError as error:
        body = {"code": error.code, "detail": _explanation(error)}
        return _response(event, STATUS_BY_CODE[error.code], to_json(body))


def _response(event: _ActionGroupEvent, status: HTTPStatus, body: str) -> dict[str, Any]:
    outcome = _of_function(event, status, body) if event.function is not None else _of_path(event, status, body)
    return {"messageVersion": "1.0", "response": {"actionGroup": event.actionGroup, **outcome}}


def _of_path(event: _ActionGroupEvent, status: HTTPStatus, body: str) -> dict[str, Any]:
    return {
        "apiPath": event.apiPath,
        "httpMethod": event.httpMethod,
        "httpStatusCode": int(status),
        "responseBody": {"application/json": {"body": body}},
    }


def _of_function(event: _ActionGroupEvent, status: HTTPStatus, body: str) -> dict[str, Any]:
    """REPROMPT lets the agent's model read an error; without it the session would end."""
    state = {} if status == HTTPStatus.OK else {"responseState": "REPROMPT"}
    return {"function": event.function, "functionResponse": {**state, "responseBody": {"TEXT": {"body": body}}}}
