"""What the Lambda runtime and API Gateway hand to a handler."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def http_event(method: str, path: str, body: str | None = None, **headers: str) -> dict[str, Any]:
    """An event as API Gateway makes it of a request to that path below the stage."""
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
        "requestContext": {**base["requestContext"], "path": f"/api{path}", "httpMethod": method},
    }
