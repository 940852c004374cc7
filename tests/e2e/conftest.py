"""End to end: over HTTP, against the deployed template, with IAM enforced."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.laptop import Emulator, Stack, emulator, role_credentials, stack

__all__ = ["emulator", "role_credentials", "stack"]


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
