"""Prints what every API key of a deployed stack has spent in a month: `make spending STACK=…` (and MONTH=2026-10).

Needs an operator's AWS credentials. Reads the month's totals and the keys' entries in the table, and the names of the
keys.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import boto3

from examples.keys import NONE, Keys

MICROS = 1_000_000
STACK = "stack"


@dataclass(frozen=True)
class Total:
    """A month of one caller, or of the whole stack. Amounts are micro-dollars."""

    caller: str
    spent: int
    reserved: int
    images: int


@dataclass(frozen=True)
class Budgets:
    """What the parameters say, in US dollars; 0 is no cap."""

    stack: str
    key: str

    @classmethod
    def of(cls, stack: str) -> Self:
        (described,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        values = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
        return cls(values["MonthlyBudgetUsd"], values["MonthlyBudgetPerKeyUsd"])

    def default(self, caller: str) -> str:
        """The budget of a caller without one of its own, or of the stack."""
        budget = self.stack if caller == STACK else self.key
        return budget if float(budget) else NONE


def totals(table: str, month: str) -> list[Total]:
    """The month's totals, the largest first; the stack's own is the first of all."""
    found = [_total(item, f"spend#{month}#") for item in _items(table, f"spend#{month}#")]
    return sorted(found, key=lambda total: (total.caller == STACK, total.spent), reverse=True)


def _items(table: str, prefix: str) -> Iterator[Mapping[str, Any]]:
    pages = boto3.client("dynamodb").get_paginator("scan")
    for page in pages.paginate(
        TableName=table,
        FilterExpression="begins_with(id, :prefix)",
        ExpressionAttributeValues={":prefix": {"S": prefix}},
    ):
        yield from page["Items"]


def _total(item: Mapping[str, Any], prefix: str) -> Total:
    spent, committed, images = (int(item.get(name, {"N": "0"})["N"]) for name in ("spent", "committed", "images"))
    return Total(item["id"]["S"].removeprefix(prefix), spent, committed - spent, images)


def _share(total: Total, budget: str) -> str:
    """How much of the budget is spent or reserved, in percent; nothing if there is no budget to divide by."""
    if budget == NONE or float(budget) == 0:
        return ""
    return f"{100 * (total.spent + total.reserved) / (float(budget) * MICROS):.0f}"


def _line(*columns: str) -> str:
    return "{:<17} {:<27} {:>11} {:>11} {:>11} {:>7} {:>8}\n".format(*columns)


def main() -> None:
    stack, month = os.environ.get("STACK", ""), os.environ.get("MONTH") or f"{datetime.now(UTC):%Y-%m}"
    if not stack:
        sys.exit("Say which stack: make spending STACK=text-to-image-api")
    keys, budgets = Keys.of(stack), Budgets.of(stack)
    known, own = {key.caller: key.name or key.id for key in keys.all()}, keys.entries()
    sys.stdout.write(_line("caller", "key", "spent $", "reserved $", "budget $", "used %", "images"))
    for total in totals(keys.table, month):
        entry = own.get(total.caller, {})
        name = "all together" if total.caller == STACK else entry.get("name") or known.get(total.caller, "")
        dollars = (f"{micros / MICROS:.4f}" for micros in (total.spent, total.reserved))
        budget = entry.get("budget_usd") or budgets.default(total.caller)
        sys.stdout.write(_line(total.caller, name, *dollars, budget, _share(total, budget), str(total.images)))


if __name__ == "__main__":
    main()
