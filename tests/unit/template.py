"""The template as CloudFormation gets to see it: translated by SAM, with every parameter's default."""

from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def source() -> dict[str, Any]:
    content: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return content


@cache
def translated() -> dict[str, Any]:
    content = source()
    for resource in content["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    content["Globals"]["Function"].pop("CodeUri")
    result: dict[str, Any] = Translator({}, Parser()).translate(content, parameter_values={})
    return result


def statements(role: str) -> list[dict[str, Any]]:
    """What a role is allowed, conditional statements included."""
    policies = translated()["Resources"][role]["Properties"]["Policies"]
    found = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    return [statement["Fn::If"][1] if "Fn::If" in statement else statement for statement in found]


def resources_of(role: str, action: str) -> list[Any]:
    found = []
    for statement in statements(role):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if action in actions:
            resource = statement["Resource"]
            found += resource if isinstance(resource, list) else [resource]
    return found
