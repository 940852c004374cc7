"""The laptop stack of the end-to-end tests, separate from the developer's.

Tests share the emulator's faults and the role's policies, so each worker of pytest has its own stack.
"""

import fcntl
import functools
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

import boto3
import httpx
import pytest
from botocore.config import Config

from local import roles

PROJECT = Path(__file__).parents[2]

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Stack:
    """A running stack, by its description."""

    folder: Path

    @functools.cached_property
    def description(self) -> dict[str, Any]:
        description: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return description

    def client(self, service: str, **overrides: str) -> Any:  # noqa: ANN401 - any service's client
        credentials = {
            "endpoint_url": self.description["aws_endpoint_url"],
            "region_name": self.description["region"],
            "aws_access_key_id": self.description["aws_access_key_id"],
            "aws_secret_access_key": self.description["aws_secret_access_key"],
        }
        config = Config(proxies={}, retries={"total_max_attempts": 1})
        return boto3.client(service, config=config, **(credentials | overrides))  # type: ignore[call-overload]

    @property
    def function(self) -> str:
        name: str = self.description["functions"]["ApiFunction"]
        return name

    @property
    def role(self) -> str:
        arn: str = self.client("lambda").get_function_configuration(FunctionName=self.function)["Role"]
        return arn

    def resource(self, logical_id: str) -> str:
        """Return the physical id of a logical name."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.description["stack_name"], LogicalResourceId=logical_id
        )
        name: str = found["StackResourceDetail"]["PhysicalResourceId"]
        return name

    def keys(self) -> set[str]:
        """What the bucket holds."""
        listing = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.description["bucket"])
        return {item["Key"] for page in listing for item in page.get("Contents", ())}

    @contextmanager
    def denied(self, logical_id: str, action: str) -> Iterator[None]:
        """Deny this action to a role of the template for as long as the context lasts."""
        iam = self.client("iam")
        names = {"RoleName": self.resource(logical_id), "PolicyName": f"Deny-{action.replace(':', '-')}"}
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        iam.put_role_policy(**names, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        try:
            yield
        finally:
            iam.delete_role_policy(**names)

    def worker_paused(self) -> AbstractContextManager[None]:
        """Keep jobs in the queue for as long as the context lasts."""
        return self.paused("WorkerFunction")

    @contextmanager
    def paused(self, function: str) -> Iterator[None]:
        """Keep a function's messages in its queue for as long as the context lasts."""
        functions = self.client("lambda")
        name = self.description["functions"][function]
        (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def forget(self) -> None:
        """Start new execution environments, which remember no model's refusal."""
        functions = self.client("lambda")
        timeout = functions.get_function_configuration(FunctionName=self.function)["Timeout"]
        functions.update_function_configuration(FunctionName=self.function, Timeout=timeout)


@dataclass(frozen=True)
class Emulator:
    """The control of the Bedrock emulator."""

    url: str

    def configure(self, **configuration: object) -> None:
        httpx.post(f"{self.url}/_control", json=configuration, trust_env=False).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = httpx.get(f"{self.url}/_control/calls", trust_env=False).json()
        return calls

    def forget(self) -> None:
        httpx.delete(f"{self.url}/_control/calls", trust_env=False).raise_for_status()


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m local` for the stack in this folder."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "local", "--state", str(folder), *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def start(folder: Path, *words: str) -> Stack:
    ended = command(folder, "up", *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Stack(folder)


def stop(folder: Path) -> None:
    ended = command(folder, "down")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert left_running(folder) == []


def left_running(folder: Path) -> list[str]:
    """Return the running processes of the stack in this folder; empty without /proc."""
    mark = f"{folder}/".encode()
    environments = ((process, _read(process / "environ")) for process in Path("/proc").glob("[0-9]*"))
    return [_read(process / "cmdline").decode() for process, environment in environments if mark in environment]


def eventually(ask: Callable[[], Answer | None], seconds: float = 20) -> Answer:
    """Poll until the result is true; after the deadline fail with the last result."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.1)
    return answer


def folder_of_this_worker() -> Path:
    """Return a folder that no other worker uses, and end any processes of a killed worker."""
    return _claimed()[0]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    folder = folder_of_this_worker()
    yield start(folder)
    stop(folder)


@pytest.fixture
def emulator(stack: Stack) -> Iterator[Emulator]:
    """Reset the emulator, before and after: all models available, no calls."""
    emulator = Emulator(stack.description["bedrock_url"])
    emulator.configure()
    emulator.forget()
    yield emulator
    emulator.configure()


@pytest.fixture(scope="session")
def role_credentials(stack: Stack) -> dict[str, str]:
    """Return the credentials of ApiFunction's role."""
    return credentials_of(stack, stack.role)


def credentials_of(stack: Stack, role: str) -> dict[str, str]:
    """Return the credentials of a role, read from a function that has it."""
    return {name.lower(): value for name, value in roles.credentials(stack.client("lambda"), role).items()}


def environment_of(stack: Stack, function: str) -> dict[str, str]:
    """Return a function's environment, with its role's credentials, to run its code elsewhere."""
    configuration = stack.client("lambda").get_function_configuration(
        FunctionName=stack.description["functions"][function]
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return (
        kept
        | configuration["Environment"]["Variables"]
        | {name.upper(): value for name, value in credentials_of(stack, configuration["Role"]).items()}
        | {
            "AWS_ENDPOINT_URL": stack.description["aws_endpoint_url"],
            "AWS_REGION": stack.description["region"],
            "AWS_DEFAULT_REGION": stack.description["region"],
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONPATH": str(PROJECT / "functions"),
        }
    )


@functools.cache
def _claimed() -> tuple[Path, TextIO]:
    for number in itertools.count(1):
        folder = PROJECT / ".local" / f"test-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "in-use").open("w")
        if _locked(lock):
            stop(folder)
            return folder, lock
    raise AssertionError


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    return True


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
