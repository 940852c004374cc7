"""Each permission of each function's role, as the template grants it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checks.template import PROJECT, declared, translated
from local.intrinsics import Conditions

RESULTS = PROJECT / "checks" / "permissions.json"
"""What `make prove-permissions` saw."""

PROFILE = "arn:aws:bedrock:us-east-1:000000000000:application-inference-profile/team"
"""Stands for the profiles that an operator lists."""

SUCCESSOR = "arn:aws:bedrock:us-west-2::foundation-model/stability.stable-image-core-v2:0"
"""Stands for the models that an operator adds."""

OPTIONS = {
    "InferenceProfileArns": PROFILE,
    "MoreModels": f"{SUCCESSOR}=core",
    "ModelPrices": f"{SUCCESSOR.rpartition('/')[2]}=0.05",
}
"""Parameters that add permissions."""

_RESOURCE = re.compile(r"\$\{(\w+)\.Arn\}")
_HERE = "${AWS::Region}"


@dataclass(frozen=True)
class Permission:
    """One action on one resource. `statement` and `place` say where the role's `policy` grants it."""

    function: str
    role: str
    policy: str
    statement: int
    place: int
    action: str
    resource: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.function, self.action, self.resource

    def __str__(self) -> str:
        return f"{self.function} {self.action} {self.resource}"


def permissions(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[Permission]:
    """All permissions of the functions of a translated template."""
    conditions = Conditions(template["Conditions"], parameters)
    resources = template["Resources"]
    functions = {_role(resource): name for name, resource in resources.items() if _is_function(resource)}
    return [
        permission
        for role, function in functions.items()
        for policy in conditions.resolved(resources[role]["Properties"]["Policies"])
        for permission in _granted(function, role, policy)
    ]


def proven() -> Mapping[tuple[str, str, str], Mapping[str, str]]:
    """The kept results, by function, action and resource."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return {(row["function"], row["action"], row["resource"]): row for row in rows}


def of_the_template() -> list[Permission]:
    """All permissions, the optional ones too."""
    parameters = declared("default") | OPTIONS
    return permissions(translated(parameters), parameters)


def _granted(function: str, role: str, policy: Mapping[str, Any]) -> Iterator[Permission]:
    for number, statement in enumerate(policy["PolicyDocument"]["Statement"]):
        for place, resource in enumerate(listed(statement["Resource"])):
            for action in listed(statement["Action"]):
                yield Permission(function, role, policy["PolicyName"], number, place, action, _name(resource))


def listed(value: Any) -> Sequence[Any]:  # noqa: ANN401 - a policy's element, one or several
    return value if isinstance(value, list) else [value]


def _is_function(resource: Mapping[str, Any]) -> bool:
    return bool(resource["Type"] == "AWS::Lambda::Function")


def _role(function: Mapping[str, Any]) -> str:
    name: str = function["Properties"]["Role"]["Fn::GetAtt"][0]
    return name


def _name(resource: Any) -> str:  # noqa: ANN401 - a text or an intrinsic function
    """The resource by its logical name, or the last part of its ARN."""
    match resource:
        case {"Fn::GetAtt": [name, "Arn"]} | {"Ref": name}:
            return str(name)
        case {"Fn::Split": [_, part]} | {"Fn::Join": [_, part]}:
            return _name(part)
        case {"Fn::Sub": str(text)}:
            return _short(_RESOURCE.sub(r"\1", text))
    return str(resource)


def _short(arn: str) -> str:
    """An ARN without its first fields, and with its region if that is not the stack's own."""
    # The fields of an ARN are separated by colons, as are the words of a pseudo parameter.
    fields = arn.replace("AWS::", "AWS..").split(":", 5)
    if fields[0] != "arn":
        return arn
    region, rest = fields[3].replace("AWS..", "AWS::"), fields[5].replace("AWS..", "AWS::")
    return rest if region in {"", _HERE} else f"{rest} in {region}"
