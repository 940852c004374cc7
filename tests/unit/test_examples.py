"""The state machines of examples/ name errors that exist, and retry only what cost nothing."""

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from checks.template import PROJECT
from imaging.errors import (
    DependencyUnavailable,
    ImagingError,
    InProgress,
    ModelUnavailable,
    Throttled,
    TooManyJobs,
)

TEMPLATES = sorted((PROJECT / "examples").glob("*/template.yaml"))
COST_NOTHING = {kind.__name__ for kind in (Throttled, TooManyJobs, InProgress, DependencyUnavailable, ModelUnavailable)}


def names(node: object, rule: str) -> Iterator[str]:
    """The classes of ours that a Retry or a Catch names, anywhere below this node."""
    if isinstance(node, Mapping):
        rules = node.get(rule, [])
        yield from (name for each in rules for name in each["ErrorEquals"] if "." not in name)
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from names(child, rule)


def classes(kind: type[ImagingError] = ImagingError) -> Iterator[type[ImagingError]]:
    for leaf in kind.__subclasses__():
        yield leaf
        yield from classes(leaf)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.parent.name)
def test_what_is_retried_cost_nothing_and_what_is_caught_exists(template: Path) -> None:
    content = yaml_parse(template.read_text())

    assert set(names(content, "Retry")) <= COST_NOTHING
    assert set(names(content, "Catch")) <= {kind.__name__ for kind in classes()}


def machines(node: object) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """The states of each state machine and of each Map's processor, anywhere below this node."""
    if isinstance(node, Mapping) and "StartAt" in node:
        yield {"": {"Next": node["StartAt"]}} | node["States"]
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from machines(child)


def targets(state: Mapping[str, Any]) -> Iterator[str]:
    rules = [state, *state.get("Catch", []), *state.get("Choices", [])]
    yield from (rule[name] for rule in rules for name in ("Next", "Default") if name in rule)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.parent.name)
def test_each_state_leads_to_one_that_exists_and_none_is_lost(template: Path) -> None:
    for states in machines(yaml_parse(template.read_text())):
        assert {target for state in states.values() for target in targets(state)} == states.keys() - {""}


def test_the_test_sees_the_rules() -> None:
    found = [list(names(yaml_parse(template.read_text()), "Retry")) for template in TEMPLATES]
    assert sum(map(bool, found)) == 2


class Table:
    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def update_item(self, **call: dict[str, Any]) -> dict[str, Any]:
        item = self.items.setdefault(call["Key"]["id"], {})
        item[call["ExpressionAttributeNames"]["#name"]] = call["ExpressionAttributeValues"][":value"]
        return {"Attributes": item}

    def delete_item(self, Key: Mapping[str, str]) -> None:  # noqa: N803 - boto3's name
        del self.items[Key["id"]]


class States:
    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.refuses: str | None = None

    def send_task_success(self, **call: str) -> None:
        self.calls.append(call)
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses}}, "SendTaskSuccess")

    send_task_failure = send_task_success


@pytest.fixture
def job_ends(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TABLE_NAME", "a-table")
    monkeypatch.setattr("boto3.resource", Mock())
    monkeypatch.setattr("boto3.client", Mock())
    path = PROJECT / "examples" / "step-functions" / "functions" / "job_ends.py"
    spec = importlib.util.spec_from_file_location("job_ends", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "table", Table())
    monkeypatch.setattr(module, "states", States())
    return module


WAITS = {"id": "a-job", "token": "a-token"}
COMPLETED = {"detail-type": "Generation Completed", "detail": {"id": "a-job"}}
FAILED = {"detail-type": "Generation Failed", "detail": {"id": "a-job", "code": "content_blocked"}}


@pytest.mark.parametrize("events", [(WAITS, COMPLETED), (COMPLETED, WAITS)], ids=["token first", "event first"])
def test_the_second_of_token_and_event_ends_the_task(job_ends: ModuleType, events: Sequence[object]) -> None:
    first, second = events

    job_ends.lambda_handler(first, None)
    assert job_ends.states.calls == []
    job_ends.lambda_handler(second, None)

    assert job_ends.states.calls == [{"taskToken": "a-token", "output": json.dumps({"id": "a-job"})}]
    assert job_ends.table.items == {}


def test_a_failed_job_fails_its_task_with_the_class_of_the_error(job_ends: ModuleType) -> None:
    for event in (WAITS, FAILED):
        job_ends.lambda_handler(event, None)

    (call,) = job_ends.states.calls
    assert call["error"] == "ContentBlocked"
    assert json.loads(call["cause"])["code"] == "content_blocked"


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_task_that_has_ended_is_left_alone(job_ends: ModuleType, code: str) -> None:
    job_ends.states.refuses = code
    for event in (WAITS, COMPLETED):
        job_ends.lambda_handler(event, None)
    assert job_ends.table.items == {}


def test_a_refusal_is_raised_so_that_lambda_tries_again(job_ends: ModuleType) -> None:
    job_ends.states.refuses = "ThrottlingException"
    job_ends.lambda_handler(WAITS, None)
    with pytest.raises(ClientError):
        job_ends.lambda_handler(COMPLETED, None)
    assert job_ends.table.items


def test_each_code_leads_to_its_class(job_ends: ModuleType) -> None:
    leaves = [kind for kind in classes() if hasattr(kind, "code")]
    assert [job_ends.class_name(kind.code) for kind in leaves] == [kind.__name__ for kind in leaves]
