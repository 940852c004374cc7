"""What CloudFormation refuses of a parameter, so that it is refused before anything of a stack is stopped or built."""

import re
from collections.abc import Mapping
from typing import Any

Declaration = Mapping[str, Any]


def allows(declaration: Declaration, value: str) -> bool:
    values = value.split(",") if declaration["Type"] == "CommaDelimitedList" else [value]
    return all(_allows(declaration, each) for each in values)


def requirement(declaration: Declaration) -> str:
    """What to write instead."""
    if "ConstraintDescription" in declaration:
        return str(declaration["ConstraintDescription"]).strip()
    if "AllowedValues" in declaration:
        return f"Choose one of {', '.join(map(str, declaration['AllowedValues']))}."
    most = f" and at most {declaration['MaxValue']}" if "MaxValue" in declaration else ""
    return f"Write a number of at least {declaration['MinValue']}{most}."


def _allows(declaration: Declaration, value: str) -> bool:
    if "AllowedValues" in declaration:
        return value in map(str, declaration["AllowedValues"])
    if declaration["Type"] == "Number":
        return _is_within(declaration, value)
    return re.fullmatch(declaration.get("AllowedPattern", ".*"), value) is not None


def _is_within(declaration: Declaration, value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    return bool(declaration.get("MinValue", number) <= number <= declaration.get("MaxValue", number))
