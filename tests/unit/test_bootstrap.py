"""What an execution environment prepares before its first request, and what a snapshot of it may not freeze."""

import random

import pytest

import bootstrap
from aws import bedrock, clients
from bootstrap import Services
from imaging.errors import Misconfigured

snapshot_restore_py = pytest.importorskip("snapshot_restore_py", reason="Lambda's runtime has wheels for Linux alone")

HOW = "AWS_LAMBDA_INITIALIZATION_TYPE"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clients that were made."""
    made: list[str] = []
    for name in ("dynamodb", "s3", "events", "sqs"):
        monkeypatch.setattr(clients, name, lambda name=name: made.append(name))
    monkeypatch.setattr(bedrock, "prepare", lambda region: made.append(f"bedrock in {region}"))
    return made


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What Lambda's runtime calls after it has restored a snapshot."""
    registry: list[object] = []
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", registry)
    return registry


@pytest.mark.usefixtures("services", "hooks")
@pytest.mark.parametrize("how", ["on-demand", "provisioned-concurrency", "snap-start"])
def test_on_lambda_the_clients_of_a_generation_are_made_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch, made: list[str], how: str
) -> None:
    monkeypatch.setenv(HOW, how)
    bootstrap.prepare()
    assert sorted(made) == ["bedrock in us-east-1", "bedrock in us-west-2", "dynamodb", "events", "s3"]


@pytest.mark.usefixtures("services")
def test_elsewhere_nothing_is_made(monkeypatch: pytest.MonkeyPatch, made: list[str]) -> None:
    monkeypatch.delenv(HOW, raising=False)
    bootstrap.prepare()
    assert made == []


@pytest.mark.usefixtures("made")
def test_a_stack_that_is_misconfigured_starts_and_says_so_to_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    def misconfigured() -> Services:
        raise Misconfigured("LINK_MINUTES: too many")

    monkeypatch.setattr(bootstrap, "services", misconfigured)
    monkeypatch.setenv(HOW, "on-demand")
    bootstrap.prepare()


@pytest.mark.usefixtures("services", "made")
def test_environments_that_are_restored_from_one_snapshot_draw_different_random_numbers(
    monkeypatch: pytest.MonkeyPatch, hooks: list[object]
) -> None:
    monkeypatch.setenv(HOW, "snap-start")
    bootstrap.prepare()
    snapshot = random.getstate()

    def restored() -> float:
        random.setstate(snapshot)
        for hook, arguments, options in snapshot_restore_py.get_after_restore():
            hook(*arguments, **options)
        return random.random()  # noqa: S311 - as the code that it stands for

    assert hooks
    assert restored() != restored()


@pytest.mark.usefixtures("services", "made")
def test_without_a_snapshot_lambdas_hooks_are_left_alone(monkeypatch: pytest.MonkeyPatch, hooks: list[object]) -> None:
    monkeypatch.setenv(HOW, "on-demand")
    bootstrap.prepare()
    assert hooks == []
