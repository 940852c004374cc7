"""Conditions are resolved as CloudFormation does."""

from typing import Any

import pytest

from local.intrinsics import NO_VALUE, Conditions

CONDITIONS: dict[str, Any] = {
    "HasNames": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Names"}]}, ""]}]},
    "IsAnna": {"Fn::Equals": [{"Ref": "Names"}, "Anna"]},
    "IsBoth": {"Fn::And": [{"Condition": "HasNames"}, {"Condition": "IsAnna"}]},
    "IsEither": {"Fn::Or": [{"Condition": "IsAnna"}, {"Fn::Equals": [{"Fn::Join": ["-", ["a", "b"]]}, "a-b"]}]},
}


@pytest.mark.parametrize(
    ("names", "hold"),
    [
        ("", {"IsEither"}),
        ("Anna", {"HasNames", "IsAnna", "IsBoth", "IsEither"}),
        ("Anna,Ben", {"HasNames", "IsEither"}),
    ],
)
def test_a_condition_depends_on_the_parameters(names: str, hold: set[str]) -> None:
    template = {name: {"Fn::If": [name, "yes", "no"]} for name in CONDITIONS}
    resolved = Conditions(CONDITIONS, {"Names": names}).resolved(template)
    assert {name for name, said in resolved.items() if said == "yes"} == hold


@pytest.mark.parametrize(("names", "left"), [("", {"kept": [1]}), ("Anna", {"kept": [1, 2], "chosen": {"deep": "x"}})])
def test_no_value_removes_the_entry(names: str, left: dict[str, Any]) -> None:
    part = {
        "kept": [1, {"Fn::If": ["HasNames", 2, NO_VALUE]}],
        "chosen": {"Fn::If": ["HasNames", {"deep": {"Fn::If": ["IsAnna", "x", "y"]}}, NO_VALUE]},
    }
    assert Conditions(CONDITIONS, {"Names": names}).resolved(part) == left
