"""The tools' schemas in the forms of AWS's services for agents, which know less of JSON Schema than MCP does.

AgentCore's gateway takes types, descriptions and required fields only. Bedrock Agents take OpenAPI 3.0.0 without enum;
what else they refuse is not documented, so the same few keywords are used there.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from api.mcp import input_schema
from api.tools import TOOLS, Tool
from checks.template import PROJECT
from version import VERSION

FOLDER = PROJECT / "examples" / "agentcore"
TARGET_TOOLS, ACTION_GROUP = FOLDER / "tools.json", FOLDER / "action-group.json"

Schema = Mapping[str, Any]


def generated() -> Iterator[tuple[Path, str]]:
    yield TARGET_TOOLS, _text([_target_tool(tool) for tool in TOOLS.values()])
    yield ACTION_GROUP, _text(_action_group())


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _target_tool(tool: Tool) -> Schema:
    return {"name": tool.name, "description": tool.description, "inputSchema": _reduced(input_schema(tool))}


def _action_group() -> Schema:
    return {
        "openapi": "3.0.0",
        "info": {"title": "Text to image", "version": VERSION, "description": "Makes images from text."},
        "paths": {f"/{tool.name}": {"post": _operation(tool)} for tool in TOOLS.values()},
    }


def _operation(tool: Tool) -> Schema:
    arguments, result = (
        _reduced(input_schema(tool)),
        _reduced(_inlined(tool.result.model_json_schema(mode="serialization"))),
    )
    return {
        "operationId": tool.name,
        "summary": tool.title,
        "description": tool.description,
        "requestBody": {"required": bool(arguments.get("required")), "content": _json(arguments)},
        "responses": {
            "200": {"description": result["description"], "content": _json(result)},
            "default": {"description": "What went wrong, and what to do.", "content": _json(_PROBLEM)},
        },
    }


_PROBLEM = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "Which error it is."},
        "detail": {"type": "string", "description": "What happened, and what to do."},
    },
}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _inlined(schema: Any, definitions: Schema | None = None) -> Any:  # noqa: ANN401 - any JSON
    """The schema with each reference replaced by what it leads to, and no required fields: of alternatives only the
    first will be described."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    known = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return _inlined(known[schema["$ref"].rpartition("/")[2]], known) | {
            name: value for name, value in schema.items() if name != "$ref"
        }
    return {name: _inlined(value, known) for name, value in schema.items() if name not in {"$defs", "required"}}


def _reduced(schema: Schema) -> dict[str, Any]:
    """Type, description, and what objects and arrays hold; of alternatives the first. The descriptions have the limits
    that are dropped."""
    variants = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    found = {**schema, **variants[0]}
    reduced: dict[str, Any] = {"type": found["type"]}
    if description := _description({**found, **schema}):
        reduced["description"] = description
    if "properties" in found:
        reduced["properties"] = {name: _reduced(each) for name, each in found["properties"].items()}
    if required := found.get("required"):
        reduced["required"] = required
    if "items" in found:
        reduced["items"] = _reduced(found["items"])
    return reduced


def _description(schema: Schema) -> str:
    values = f"One of {', '.join(schema['enum'])}." if "enum" in schema else ""
    default = f"Default: {schema['default']}." if schema.get("default") is not None else ""
    return " ".join(part for part in (schema.get("description"), values, default) if part)
