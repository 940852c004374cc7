"""Validates parameters as CloudFormation does, before anything is stopped or built."""

import re
from collections.abc import Mapping
from typing import Any

Declaration = Mapping[str, Any]

FRACTIONS = ("Usd", "RateLimit")
"""Name endings of numbers that may be fractions. Seconds, jobs and requests must be whole."""


def allows(name: str, declaration: Declaration, value: str) -> bool:
    values = value.split(",") if declaration["Type"] == "CommaDelimitedList" else [value]
    return all(_allows(name, declaration, each) for each in values)


def requirement(name: str, declaration: Declaration) -> str:
    """Return what the value must look like."""
    if "ConstraintDescription" in declaration:
        return str(declaration["ConstraintDescription"]).strip()
    if "AllowedValues" in declaration:
        return f"Choose one of {', '.join(map(str, declaration['AllowedValues']))}."
    most = f" and at most {declaration['MaxValue']}" if "MaxValue" in declaration else ""
    kind = "number" if name.endswith(FRACTIONS) else "whole number"
    return f"Write a {kind} of at least {declaration['MinValue']}{most}."


def _allows(name: str, declaration: Declaration, value: str) -> bool:
    if "AllowedValues" in declaration:
        return value in map(str, declaration["AllowedValues"])
    if declaration["Type"] == "Number":
        return _is_number(name, value) and _is_within(declaration, float(value))
    return re.fullmatch(declaration.get("AllowedPattern", ".*"), value) is not None


def _is_number(name: str, value: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?" if name.endswith(FRACTIONS) else r"\d+", value, re.ASCII) is not None


def _is_within(declaration: Declaration, number: float) -> bool:
    return bool(declaration.get("MinValue", number) <= number <= declaration.get("MaxValue", number))
