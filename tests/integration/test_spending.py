"""The operator's view of what all keys have spent."""

import hashlib
import importlib.util
import sys
from types import ModuleType

import boto3
import pytest

from tests.integration.conftest import TABLE
from tests.unit.template import TEMPLATE

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def spending(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    specification = importlib.util.spec_from_file_location("spending", TEMPLATE.parent / "examples" / "spending.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "spending", module)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "deployed", {"dev": module.Deployed(TABLE, "100", "0")}.__getitem__)
    monkeypatch.setenv("STACK", "dev")
    return module


def spend(month: str, scope: str, *, spent: int, committed: int, images: int) -> None:
    amounts = {"spent": spent, "committed": committed, "images": images}
    item = {"id": {"S": f"spend#{month}#{scope}"}, **{name: {"N": str(value)} for name, value in amounts.items()}}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item=item)


def enter(caller: str, **entry: dict[str, str]) -> None:
    boto3.client("dynamodb").put_item(TableName=TABLE, Item={"id": {"S": f"key#{caller}"}, **entry})


def test_every_key_of_the_month_is_listed_with_its_name_and_budget(
    spending: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MONTH", "2026-10")
    key = boto3.client("apigateway").create_api_key(name="web shop", value="a-key-of-at-least-twenty-characters")
    caller = hashlib.sha256(key["value"].encode()).hexdigest()[:16]
    spend("2026-10", caller, spent=40_000, committed=80_000, images=1)
    spend("2026-10", "direct", spent=120_000, committed=120_000, images=3)
    spend("2026-10", "0123456789abcdef", spent=0, committed=0, images=0)
    spend("2026-10", "stack", spent=160_000, committed=200_000, images=4)
    spend("2026-09", caller, spent=999, committed=999, images=9)
    enter(caller, budget_usd={"N": "0.5"})
    enter("0123456789abcdef", name={"S": "deleted"}, budget_usd={"N": "0"})

    spending.main()

    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [
        ["stack", "all", "together", "0.1600", "0.0400", "100", "0", "4"],
        ["direct", "0.1200", "0.0000", "none", "3"],
        [caller, "web", "shop", "0.0400", "0.0400", "0.5", "16", "1"],
        ["0123456789abcdef", "deleted", "0.0000", "0.0000", "0", "0"],
    ]
    assert key["value"] not in str(lines)


def test_without_a_stack_it_says_how_it_is_called(spending: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK", "")
    with pytest.raises(SystemExit, match="make spending STACK="):
        spending.main()
