"""Events and contexts of API Gateway and the Lambda runtime."""

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
"""The id of the API key in the events."""

GATEWAY_TOKEN: str = event("api-gateway")["requestContext"]["authorizer"]["gateway_token"]
"""The gateway token of the events; the event files have the one of `sam local`."""


def http_event(
    method: str, target: str, body: str | None = None, *, caller: str = CALLER, **headers: str
) -> dict[str, Any]:
    """Return API Gateway's event for a request to this path, which may have a query."""
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
