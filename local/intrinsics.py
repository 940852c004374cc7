"""Resolves CloudFormation's condition functions, which MiniStack leaves unresolved in parts of a template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True)
class Conditions:
    """A template's conditions, evaluated for the deployed parameters."""

    conditions: Mapping[str, Any]
    parameters: Mapping[str, str]

    def resolved(self, part: Any) -> Any:  # noqa: ANN401 - any part of a template
        """Return the value with each `Fn::If` resolved, and without entries that are `AWS::NoValue`."""
        if isinstance(part, list):
            return [self.resolved(each) for each in part if self._chosen(each) != NO_VALUE]
        if not isinstance(part, dict):
            return part
        chosen = self._chosen(part)
        if chosen is not part:
            return self.resolved(chosen)
        return {name: self.resolved(each) for name, each in part.items() if self._chosen(each) != NO_VALUE}

    def _chosen(self, part: Any) -> Any:  # noqa: ANN401 - any part of a template
        if not isinstance(part, dict) or part.keys() != {"Fn::If"}:
            return part
        name, then, otherwise = part["Fn::If"]
        return self._chosen(then if self._holds(self.conditions[name]) else otherwise)

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        ((word, operands),) = condition.items()
        meanings: Mapping[str, Callable[[Any], bool]] = {
            "Condition": lambda name: self._holds(self.conditions[name]),
            "Fn::And": lambda all_of: all(map(self._holds, all_of)),
            "Fn::Equals": lambda two: self._text(two[0]) == self._text(two[1]),
            "Fn::Not": lambda one: not self._holds(one[0]),
            "Fn::Or": lambda any_of: any(map(self._holds, any_of)),
        }
        return meanings[word](operands)

    def _text(self, value: Any) -> str:  # noqa: ANN401 - a literal, a Fn::Join or a Ref
        if not isinstance(value, dict):
            return str(value)
        ((word, operand),) = value.items()
        if word == "Fn::Join":
            separator, parts = operand
            # A list parameter is text with commas.
            texts = self._text(parts).split(",") if isinstance(parts, dict) else map(self._text, parts)
            return str(separator).join(texts)
        parameter: str = self.parameters[operand]
        return parameter
