"""Checks a body against a model's schema, with Bedrock's wording of violations."""

from dataclasses import dataclass, field
from typing import Protocol

from local.emulator.errors import Refusal, invalid

INT32 = 2**31


class Rule(Protocol):
    def faults(self, value: object, at: str) -> list[str]: ...


@dataclass(frozen=True)
class Text:
    min_length: int = 0
    max_length: int | None = None
    one_of: tuple[str, ...] = ()

    def faults(self, value: object, at: str) -> list[str]:
        if not isinstance(value, str):
            return [_wrong_type(at, "String", value)]
        if self.one_of and value not in self.one_of:
            return [f"{at}: {value} is not a valid enum value"]
        return self._length_faults(len(value), at)

    def _length_faults(self, length: int, at: str) -> list[str]:
        if length < self.min_length:
            return [f"{at}: expected minLength: {self.min_length}, actual: {length}"]
        if self.max_length is not None and length > self.max_length:
            return [f"{at}: expected maxLength: {self.max_length}, actual: {length}"]
        return []


@dataclass(frozen=True)
class Number:
    minimum: float
    maximum: float

    def faults(self, value: object, at: str) -> list[str]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [_wrong_type(at, "Number", value)]
        return _range_faults(self.minimum, self.maximum, value, at)


@dataclass(frozen=True)
class Integer:
    minimum: int
    maximum: int
    multiple_of: int = 1

    def faults(self, value: object, at: str) -> list[str]:
        if isinstance(value, bool) or not isinstance(value, int):
            return [_wrong_type(at, "Integer", value)]
        if value % self.multiple_of:
            return [f"{at}: {value} is not a multiple of {self.multiple_of}"]
        return _range_faults(self.minimum, self.maximum, value, at)


@dataclass(frozen=True)
class Object:
    fields: dict[str, Rule]
    required: tuple[str, ...] = field(default=())

    def faults(self, value: object, at: str) -> list[str]:
        if not isinstance(value, dict):
            return [_wrong_type(at, "JSONObject", value)]
        return [
            *(f"{at}: required key [{key}] not found" for key in self.required if key not in value),
            *(f"{at}: extraneous key [{key}] is not permitted" for key in value if key not in self.fields),
            *self._field_faults(value, at),
        ]

    def _field_faults(self, value: dict[str, object], at: str) -> list[str]:
        present = [(key, rule) for key, rule in self.fields.items() if key in value]
        return [fault for key, rule in present for fault in rule.faults(value[key], f"{at}/{key}")]


def check(rule: Rule, body: object) -> None:
    refuse(rule.faults(body, "#"))


def refuse(faults: list[str]) -> None:
    """Raise all violations at once; like Bedrock, without a separator between them."""
    if faults:
        raise malformed("".join(faults))


def malformed(fault: str) -> Refusal:
    return invalid(f"Malformed input request: {fault}, please reformat your input and try again.")


def _range_faults(minimum: float, maximum: float, value: float, at: str) -> list[str]:
    if value < minimum:
        return [f"{at}: {value} is not greater or equal to {minimum}"]
    if value > maximum:
        return [f"{at}: {value} is not less or equal to {maximum}"]
    return []


def _wrong_type(at: str, expected: str, value: object) -> str:
    return f"{at}: expected type: {expected}, found: {_java_name(value)}"


def _java_name(value: object) -> str:
    """Return the Java class of a value, as Bedrock's messages name it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _java_integer(value)
    names = {bool: "Boolean", float: "BigDecimal", str: "String", list: "JSONArray", dict: "JSONObject"}
    return names.get(type(value), "Null")


def _java_integer(value: int) -> str:
    if -INT32 <= value < INT32:
        return "Integer"
    return "Long" if -(INT32**2) * 2 <= value < INT32**2 * 2 else "BigInteger"
