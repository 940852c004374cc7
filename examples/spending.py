"""Prints what every API key of a deployed stack has spent in a month: `make spending STACK=…` (and MONTH=2026-10).

Needs an operator's AWS credentials. Reads the month's totals in the table, and the names of the keys.
"""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

MICROS = 1_000_000
STACK = "stack"


@dataclass(frozen=True)
class Total:
    """A month of one caller, or of the whole stack. Amounts are micro-dollars."""

    caller: str
    spent: int
    reserved: int
    images: int


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


def names() -> Mapping[str, str]:
    """The name, or else the id, of each key in this account and region, by the caller's name."""
    pages = boto3.client("apigateway").get_paginator("get_api_keys").paginate(includeValues=True)
    keys = [key for page in pages for key in page["items"]]
    return {hashlib.sha256(key["value"].encode()).hexdigest()[:16]: key.get("name") or key["id"] for key in keys}


def table_of(stack: str) -> str:
    found = boto3.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="Table")
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name


def _line(*columns: str) -> str:
    return "{:<18}{:<28}{:>12}{:>12}{:>9}\n".format(*columns)


def main() -> None:
    stack, month = os.environ.get("STACK", ""), os.environ.get("MONTH") or f"{datetime.now(UTC):%Y-%m}"
    if not stack:
        sys.exit("Say which stack: make spending STACK=text-to-image-api")
    known = names()
    sys.stdout.write(_line("caller", "key", "spent $", "reserved $", "images"))
    for total in totals(table_of(stack), month):
        name = known.get(total.caller, "") if total.caller != STACK else "all together"
        dollars = (f"{micros / MICROS:.4f}" for micros in (total.spent, total.reserved))
        sys.stdout.write(_line(total.caller, name, *dollars, str(total.images)))


if __name__ == "__main__":
    main()
