"""`make up PARAMETERS=…` refuses what AWS would refuse, says what to write, and starts nothing."""

import re
from pathlib import Path

import pytest

from local import deployment, stack
from local.errors import StackError
from local.parameters import FRACTIONS
from local.places import Places
from settings import Settings
from tests.unit.template import source

WRONG = [
    ("StandardModels", "dall-e-3", "Name one or more models"),
    ("ModelPrices", "core=-1", "a price is above 0"),
    ("CorsOrigins", "https://a.example,b.example", "Write origins without a path"),
    ("Architecture", "riscv64", "Choose one of x86_64, arm64."),
    ("MonthlyBudgetUsd", "-1", "Write a number of at least 0."),
    ("MonthlyBudgetUsd", "inf", "Write a number of at least 0."),
    ("LinkMinutes", "61", "Write a whole number of at least 1 and at most 60."),
    ("LinkMinutes", "ten", "Write a whole number of at least 1 and at most 60."),
    ("WorkerConcurrency", "2.5", "Write a whole number of at least 2 and at most 1000."),
    ("WorkerConcurrency", "1e2", "Write a whole number of at least 2 and at most 1000."),
    ("WorkerConcurrency", "٣", "Write a whole number of at least 2 and at most 1000."),
]


@pytest.mark.parametrize(("name", "value", "remedy"), WRONG)
def test_a_value_that_aws_refuses_is_refused_before_anything_starts(
    name: str, value: str, remedy: str, tmp_path: Path
) -> None:
    places = Places(tmp_path / "state")
    with pytest.raises(StackError) as refused:
        stack.up(places, stack.Options(parameters={name: value}))
    assert str(refused.value).startswith(f"{name}={value} is not allowed. ")
    assert remedy in str(refused.value)
    assert not places.root.exists()


def test_an_unknown_parameter_is_refused_with_the_list_of_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^The template has no parameter Workers; it has StandardModels, "):
        stack.up(Places(tmp_path / "state"), stack.Options(parameters={"Workers": "2"}))


def test_a_value_that_aws_accepts_is_deployed() -> None:
    chosen = {
        "LinkMinutes": "5",
        "MonthlyBudgetUsd": "0.5",
        "RateLimit": "2.5",
        "CorsOrigins": "https://a.example,https://b.example",
        "PremiumModels": "ultra,sd3.5",
    }
    deployment.check(chosen)
    assert chosen.items() <= deployment.parameters("python3.13", "http://127.0.0.1:1", chosen).items()


def test_a_parameter_may_be_a_fraction_if_the_functions_read_one() -> None:
    for name, declaration in source()["Parameters"].items():
        field = Settings.model_fields.get(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
        if field and declaration["Type"] == "Number":
            assert (field.annotation is float) == name.endswith(FRACTIONS), name
