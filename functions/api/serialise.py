"""Parses request bodies and serialises answers."""

from typing import Any

from pydantic_core import from_json
from pydantic_core import to_json as _to_json

from imaging.errors import InvalidRequest


def parse_object(text: str) -> dict[str, Any]:
    """The object in a JSON text. Raises InvalidRequest for invalid JSON, which includes too deep nesting."""
    try:
        value = from_json(text)
    except ValueError as error:
        raise InvalidRequest(f"The body is not JSON that can be read: {error}. Send a JSON object.") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body is JSON, but no object. Send a JSON object.")
    return value


def to_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    return _to_json(value).decode()
