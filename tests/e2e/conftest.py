"""End to end: over HTTP, against the deployed template, with IAM enforced."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.browsing import browser
from tests.e2e.laptop import Emulator, Stack, emulator, role_credentials, stack

__all__ = ["browser", "emulator", "role_credentials", "stack"]


@pytest.fixture
def anonymous(stack: Stack, emulator: Emulator) -> Iterator[httpx.Client]:  # noqa: ARG001 - the emulator begins anew
    with httpx.Client(base_url=stack.description["api_url"], timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def api(stack: Stack, anonymous: httpx.Client) -> httpx.Client:
    """The API, called with the key."""
    anonymous.headers["x-api-key"] = stack.description["api_key"]
    return anonymous


@pytest.fixture
def documented() -> dict[str, Any]:
    """The documented request, with a prompt that no other test has sent."""
    return {
        "text": f"A beautiful sunset over the ocean {uuid.uuid4()}",
        "width": 1024,
        "height": 1024,
        "number_of_images": 1,
        "cfg_scale": 8,
        "seed": 42,
        "quality": "standard",
    }


@pytest.fixture
def another_key(stack: Stack) -> Iterator[Callable[..., str]]:
    """Create a key in the usage plan."""
    apigateway = stack.client("apigateway")
    made = []

    def make(*, enabled: bool = True) -> str:
        made.append(apigateway.create_api_key(enabled=enabled))
        apigateway.create_usage_plan_key(
            usagePlanId=stack.resource("UsagePlan"), keyId=made[-1]["id"], keyType="API_KEY"
        )
        value: str = made[-1]["value"]
        return value

    yield make
    for key in made:
        apigateway.delete_api_key(apiKey=key["id"])
