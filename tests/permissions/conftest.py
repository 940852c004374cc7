"""`make prove-permissions` takes away every permission; `make test` one of each kind."""

import os
from collections.abc import Iterator

import httpx
import pytest

from checks.permissions import OPTIONS, Permission, of_the_template, permissions, proven
from checks.template import declared, translated
from tests.e2e.conftest import emulator
from tests.e2e.laptop import Emulator, Stack, folder_of_this_worker, start, stop
from tests.permissions.world import World, listening, unscheduled, witnessed

__all__ = ["emulator"]

WHICH = os.environ.get("PROVE_PERMISSIONS", "sample")
"""`all`, those that are `missing` in the table, or a `sample`."""

WRITES = WHICH != "sample"

SAMPLE = {
    ("ApiFunction", "bedrock:InvokeModel"),
    ("ApiFunction", "s3:ListBucket"),
    ("ApiFunction", "dynamodb:UpdateItem"),
    ("WorkerFunction", "s3:GetObject"),
    ("WorkerFunction", "events:PutEvents"),
    ("SweeperFunction", "dynamodb:Query"),
}


def to_prove() -> list[Permission]:
    if WRITES:
        known = proven() if WHICH == "missing" else {}
        return [permission for permission in of_the_template() if permission.key not in known]
    parameters = declared("default")
    first = {(each.function, each.action): each for each in permissions(translated(parameters), parameters)[::-1]}
    return [permission for kind, permission in first.items() if kind in SAMPLE]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    folder = folder_of_this_worker()
    options = " ".join(f"{name}={value}" for name, value in OPTIONS.items())
    yield start(folder, *(("--parameters", options) if WRITES else ()))
    stop(folder)


@pytest.fixture(scope="module")
def _witnessed(stack: Stack) -> Iterator[World]:
    headers = {"x-api-key": stack.description["api_key"]}
    with (
        listening(stack) as events_url,
        unscheduled(stack),
        witnessed(stack) as witnesses,
        httpx.Client(base_url=stack.description["api_url"], headers=headers, timeout=60, trust_env=False) as api,
    ):
        yield World(stack, Emulator(stack.description["bedrock_url"]), api, events_url, witnesses)


@pytest.fixture
def world(_witnessed: World, emulator: Emulator) -> World:  # noqa: ARG001 - the emulator begins anew
    return _witnessed
