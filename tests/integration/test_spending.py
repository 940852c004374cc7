"""The operator's view of what all keys have spent."""

import boto3
import pytest

from examples import spending
from examples.keys import Keys
from examples.spending import Budgets
from tests.integration.conftest import TABLE
from tests.integration.operated import stack

__all__ = ["stack"]

pytestmark = pytest.mark.usefixtures("aws")


def spend(month: str, scope: str, *, spent: int, committed: int, images: int) -> None:
    amounts = {"spent": spent, "committed": committed, "images": images}
    item = {"id": {"S": f"spend#{month}#{scope}"}, **{name: {"N": str(value)} for name, value in amounts.items()}}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item=item)


def test_every_key_of_the_month_is_listed_with_its_name_and_budget(
    stack: Keys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK", "dev")
    monkeypatch.setenv("MONTH", "2026-10")
    monkeypatch.setattr(Keys, "of", {"dev": stack}.__getitem__)
    monkeypatch.setattr(Budgets, "of", {"dev": Budgets("100", "0")}.__getitem__)
    key = stack.create("web shop", {"budget_usd": "0.5"}, {})
    stack.enter("0123456789abcdef", {"name": "deleted", "budget_usd": "0"})
    spend("2026-10", key.caller, spent=40_000, committed=80_000, images=1)
    spend("2026-10", "direct", spent=120_000, committed=120_000, images=3)
    spend("2026-10", "0123456789abcdef", spent=0, committed=0, images=0)
    spend("2026-10", "stack", spent=160_000, committed=200_000, images=4)
    spend("2026-09", key.caller, spent=999, committed=999, images=9)

    spending.main()

    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [
        ["stack", "all", "together", "0.1600", "0.0400", "100", "0", "4"],
        ["direct", "0.1200", "0.0000", "none", "3"],
        [key.caller, "web", "shop", "0.0400", "0.0400", "0.5", "16", "1"],
        ["0123456789abcdef", "deleted", "0.0000", "0.0000", "0", "0"],
    ]
    assert key.value not in str(lines)


def test_without_a_stack_it_says_how_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK", "")
    with pytest.raises(SystemExit, match="make spending STACK="):
        spending.main()
