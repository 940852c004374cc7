"""`make up PARAMETERS=…` refuses what CloudFormation would refuse, and says what to write."""

import pytest

from local import deployment
from local.errors import StackError


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("StandardModels", "dall-e-3", "Name one or more models"),
        ("ModelPrices", "core=-1", "a price is above 0"),
        ("CorsOrigins", "https://a.example,b.example", "Write origins without a path"),
        ("Architecture", "riscv64", "Choose one of x86_64, arm64."),
        ("MonthlyBudgetUsd", "-1", "at least 0."),
        ("LinkMinutes", "61", "at least 1 and at most 60."),
        ("LinkMinutes", "ten", "at least 1 and at most 60."),
    ],
)
def test_a_value_that_aws_refuses_is_refused(name: str, value: str, told: str) -> None:
    with pytest.raises(StackError) as refused:
        deployment.parameters("python3.13", "http://127.0.0.1:1", {name: value})
    assert str(refused.value).startswith(f"{name}={value} is not allowed. ")
    assert told in str(refused.value)


def test_a_value_that_aws_takes_is_taken() -> None:
    chosen = {"LinkMinutes": "5", "CorsOrigins": "https://a.example,https://b.example", "PremiumModels": "ultra,sd3.5"}
    assert chosen.items() <= deployment.parameters("python3.13", "http://127.0.0.1:1", chosen).items()
