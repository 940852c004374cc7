"""What the Lambda runtime and API Gateway hand to a handler."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl

EVENTS = Path(__file__).parents[2] / "events"


@dataclass
class FakeContext:
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    function_name: str = "api"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:api"
    seconds: float = 120

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def event(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return content


CALLER = "0123456789abcdef"
"""Whose key the events carry."""

GATEWAY_TOKEN: str = event("api-gateway")["requestContext"]["authorizer"]["gateway_token"]
"""What API Gateway's events carry; in the file, what `sam local` makes of the template."""


def http_event(
    method: str, target: str, body: str | None = None, *, caller: str = CALLER, **headers: str
) -> dict[str, Any]:
    """An event as API Gateway makes it of a request to that path below the stage, with its query if it has one."""
    path, _, query = target.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    base = event("api-gateway")
    return {
        **base,
        "httpMethod": method,
        "path": path,
        "body": body,
        "headers": {**base["headers"], **named},
        "multiValueHeaders": {name: [value] for name, value in {**base["headers"], **named}.items()},
        "pathParameters": {"proxy": path.removeprefix("/")},
        "queryStringParameters": dict(parse_qsl(query)) or None,
        "multiValueQueryStringParameters": parse_qs(query) or None,
        "requestContext": {
            **base["requestContext"],
            "path": f"/api{path}",
            "httpMethod": method,
            "authorizer": {**base["requestContext"]["authorizer"], "caller": caller},
        },
    }
