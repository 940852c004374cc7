"""The operator's script for API keys, on moto."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import local.keys
from examples import keys
from examples.keys import Keys
from local.places import Places
from tests.integration.operated import stack

__all__ = ["stack"]

pytestmark = pytest.mark.usefixtures("aws")

Run = Callable[..., str]


@pytest.fixture
def run(stack: Keys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the script, and returns what it prints."""

    def run(*words: str) -> str:
        monkeypatch.setattr(Keys, "of", {"dev": stack}.__getitem__)
        monkeypatch.setattr(sys, "argv", ["keys", "--stack", "dev", *words])
        keys.main()
        return capsys.readouterr().out

    return run


def entry(stack: Keys, name: str) -> Mapping[str, str]:
    return stack.entries()[stack.find(name).caller]


def limits(stack: Keys, name: str) -> tuple[Any, ...]:
    plan = stack.apigateway.get_usage_plan(usagePlanId=stack.find(name).plan["id"])
    return float(plan["throttle"]["rateLimit"]), int(plan["throttle"]["burstLimit"]), int(plan["quota"]["limit"])


def test_a_new_key_is_printed_once_and_shares_the_plan(stack: Keys, run: Run) -> None:
    told = run("create", "web shop", "--budget", "25.5")
    key = stack.find("web shop")
    assert told == f"id      {key.id}\ncaller  {key.caller}\nkey     {key.value}\n"
    assert (key.enabled, key.plan["id"]) == (True, stack.plan)
    assert entry(stack, "web shop") == {"name": "web shop", "budget_usd": "25.5"}
    assert key.value not in run("list")


def test_the_list_shows_the_stacks_keys_with_their_caps_and_limits(stack: Keys, run: Run) -> None:
    run("create", "web shop", "--budget", "25", "--jobs", "none", "--rate", "2.5")
    head, first, shop = (line.split() for line in run("list").splitlines())
    assert head[:2] == ["id", "caller"]
    assert first[2:] == ["first", "enabled", "default", "default", "10", "20", "1000"]
    assert shop[2:] == ["web", "shop", "enabled", "25", "none", "2.5", "20", "1000"]
    assert shop[1] == stack.find("web shop").caller


def test_caps_are_changed_and_taken_away_alone(stack: Keys, run: Run) -> None:
    run("create", "web shop", "--budget", "25", "--jobs", "3")
    run("cap", "web shop", "--budget", "none")
    assert entry(stack, "web shop") == {"name": "web shop", "budget_usd": "none", "open_jobs": "3"}
    run("cap", "web shop", "--jobs", "default", "--budget", "0")
    assert entry(stack, "web shop") == {"name": "web shop", "budget_usd": "0"}
    run("cap", "web shop", "--budget", "default")
    assert entry(stack, "web shop") == {"name": "web shop"}


def test_a_key_gets_limits_of_its_own_and_gives_them_back(stack: Keys, run: Run) -> None:
    run("create", "web shop")
    run("rate", "web shop", "--rate", "2", "--quota", "50")
    own = stack.find("web shop").plan["id"]
    assert (own != stack.plan, limits(stack, "web shop")) == (True, (2, 20, 50))
    run("rate", "web shop", "--burst", "4")
    assert (stack.find("web shop").plan["id"], limits(stack, "web shop")) == (own, (2, 4, 50))
    run("rate", "web shop", "--default")
    assert (stack.find("web shop").plan["id"], limits(stack, "web shop")) == (stack.plan, (10, 20, 1000))
    assert own not in {plan["id"] for plan in stack.apigateway.get_usage_plans()["items"]}


def test_a_key_is_renamed_disabled_and_enabled(stack: Keys, run: Run) -> None:
    run("create", "web shop")
    run("name", "web shop", "bakery")
    assert entry(stack, "bakery") == {"name": "bakery"}
    assert "--budget 0" in run("disable", "bakery")
    assert not stack.find("bakery").enabled
    run("enable", "bakery")
    assert stack.find("bakery").enabled


def test_a_rotated_key_works_beside_the_new_one(stack: Keys, run: Run) -> None:
    run("create", "web shop", "--budget", "25", "--rate", "2")
    old = stack.find("web shop")
    told = run("rotate", "web shop")
    (new,) = (key for key in stack.all() if key.name == "web shop" and key.id != old.id)
    assert f"key     {new.value}" in told
    assert old.value not in told
    assert (new.plan["id"], new.enabled, stack.find(old.id).enabled) == (old.plan["id"], True, True)
    assert stack.entries()[new.caller] == stack.entries()[old.caller] == {"name": "web shop", "budget_usd": "25"}
    with pytest.raises(SystemExit, match="2 keys are named 'web shop'"):
        run("disable", "web shop")

    run("disable", old.id)
    run("delete", old.id)

    assert stack.find("web shop").id == new.id
    assert limits(stack, "web shop") == (2, 20, 1000)
    assert stack.entries()[old.caller] == {"name": "web shop", "budget_usd": "0", "open_jobs": "0"}


def test_only_a_disabled_key_is_deleted_and_never_the_stacks_own(stack: Keys, run: Run) -> None:
    run("create", "web shop", "--rate", "2")
    own = stack.find("web shop").plan["id"]
    with pytest.raises(SystemExit, match="is enabled"):
        run("delete", "web shop")
    with pytest.raises(SystemExit, match="belongs to the stack"):
        run("delete", "first")
    run("disable", "web shop")
    run("delete", "web shop")
    assert [key.name for key in stack.all()] == ["first"]
    assert own not in {plan["id"] for plan in stack.apigateway.get_usage_plans()["items"]}


def test_what_makes_no_sense_changes_nothing(run: Run) -> None:
    for words, why in (
        ("cap first", "Say what"),
        ("rate first", "Say what"),
        ("rate first --default --rate 2", "Say what"),
        ("disable nobody", "no key with the id or name 'nobody'"),
        ("disable anonymous", "no key"),
        ("disable stranger", "no key"),
    ):
        with pytest.raises(SystemExit, match=why):
            run(*words.split())


def test_a_value_that_the_functions_or_the_gateway_would_refuse_is_refused(
    stack: Keys, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {
        "--budget": ("much", "-1", "NaN", "0.0000001"),
        "--jobs": ("1.5", "-1"),
        "--rate": ("0", "fast"),
        "--burst": ("0.5",),
        "--quota": ("0",),
    }
    for option, values in refused.items():
        for value in values:
            with pytest.raises(SystemExit):
                run("create", "web shop", f"{option}={value}")
            assert option in capsys.readouterr().err
    assert [key.name for key in stack.all()] == ["first"]


def test_without_a_stack_it_says_how_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STACK", raising=False)
    monkeypatch.setattr(sys, "argv", ["keys", "list"])
    with pytest.raises(SystemExit, match="make keys STACK="):
        keys.main()


def test_a_laptops_keys_have_their_caps_and_limits_again_after_a_restart(
    stack: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(local.keys, "_keys", lambda *_: stack)
    deployed = SimpleNamespace(api_key="the-first-keys-value-of-this-start")
    made = [local.keys.restore(Places(tmp_path), "", deployed)]  # type: ignore[arg-type] # as much as it needs
    made.append(local.keys.create(Places(tmp_path), "", deployed, "web shop", {"budget_usd": "25"}, {"rate": "2"}))  # type: ignore[arg-type] # as above
    for key in stack.all():
        if key.value in made:
            stack.enable(key, enabled=False)
            stack.enter(key.caller, {"budget_usd": "default", "name": "default"})
            stack._leave(key)  # noqa: SLF001 - as a new start has none of it
            stack.apigateway.delete_api_key(apiKey=key.id)

    assert local.keys.restore(Places(tmp_path), "", deployed) == made[0]  # type: ignore[arg-type] # as above

    assert {key.value for key in stack.all()} >= set(made)
    assert entry(stack, "web shop") == {"name": "web shop", "budget_usd": "25"}
    assert limits(stack, "web shop") == (2, 20, 1000)
