"""The template with every parameter's default, translated by SAM, and what its roles allow."""

from functools import cache
from typing import Any

from checks import template
from checks.template import TEMPLATE, source

__all__ = ["TEMPLATE", "resources_of", "source", "statements", "translated"]


@cache
def translated() -> dict[str, Any]:
    return template.translated(template.declared("default"))


def statements(role: str) -> list[dict[str, Any]]:
    """What a role is allowed, conditional policies and statements included."""
    policies = map(_chosen, translated()["Resources"][role]["Properties"]["Policies"])
    return [_chosen(statement) for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def _chosen(part: dict[str, Any]) -> dict[str, Any]:
    """The part, or what a condition allows."""
    chosen: dict[str, Any] = part["Fn::If"][1] if "Fn::If" in part else part
    return chosen


def resources_of(role: str, action: str) -> list[Any]:
    found = []
    for statement in statements(role):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if action in actions:
            resource = statement["Resource"]
            found += resource if isinstance(resource, list) else [resource]
    return found
