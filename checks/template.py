"""The template as CloudFormation gets to see it: translated by SAM, for the parameters of each environment.

`python -m checks.template <folder>` writes one file for each environment of samconfig.toml, and one with everything
optional switched on, for linters to read.
"""

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

PROJECT = Path(__file__).resolve().parents[1]
TEMPLATE = PROJECT / "template.yaml"
CONFIGURATION: Mapping[str, Any] = tomllib.loads((PROJECT / "samconfig.toml").read_text())
ENVIRONMENTS = [name for name in CONFIGURATION if name != "version"]

_ACCOUNT = "us-west-2:123456789012"
EVERYTHING: Mapping[str, str] = {
    "AlarmEmail": "operator@example.org",
    "ApiBaseUrl": "https://images.example.org",
    "ApiConcurrency": "50",
    "AuthorizerConcurrency": "10",
    "CorsOrigins": "https://app.example.org",
    "DomainCertificateArn": f"arn:aws:acm:{_ACCOUNT}:certificate/0b1c",
    "DomainName": "images.example.org",
    "GuardrailId": "gr0a1b2c3d4e",
    "GuardrailRegion": "us-west-2",
    "GuardrailVersion": "1",
    "InferenceProfileArns": f"arn:aws:bedrock:{_ACCOUNT}:application-inference-profile/0b1c",
    "KmsKeyArn": f"arn:aws:kms:{_ACCOUNT}:key/0b1d",
    "MonthlyBudgetPerKeyUsd": "10",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "SigningCertificates": "-----BEGIN CERTIFICATE----- MA== -----END CERTIFICATE-----",
    "MoreModels": "arn:aws:bedrock:us-west-2::foundation-model/stability.stable-image-core-v2:0=core",
    "SigningKeyArn": f"arn:aws:kms:{_ACCOUNT}:key/0b1c",
    "Tracing": "on",
    "WebhookAuthorities": "/opt/authorities.pem",
    "WebhookNetworks": "127.0.0.0/8",
    "WebAclArn": f"arn:aws:wafv2:{_ACCOUNT}:regional/webacl/limits/0b1c",
}
"""The parameters that are empty, 0 or off by default, all switched on."""


def source() -> dict[str, Any]:
    content: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return content


def declared(environment: str) -> dict[str, str]:
    """The value of every parameter in that environment."""
    defaults = {name: str(parameter["Default"]) for name, parameter in source()["Parameters"].items()}
    overrides = CONFIGURATION[environment]["global"]["parameters"].get("parameter_overrides", [])
    return defaults | dict(word.split("=", 1) for word in overrides)


def translated(parameters: Mapping[str, str]) -> dict[str, Any]:
    content = source()
    for properties in (content["Globals"]["Function"], content["Resources"]["AuthorizerFunction"]["Properties"]):
        properties["CodeUri"] = "s3://bucket/key"
    for layer in ("SigningLayer", "TracingLayer"):
        content["Resources"][layer]["Properties"]["ContentUri"] = "s3://bucket/key"
    for name, value in parameters.items():
        parameter = content["Parameters"][name]
        parameter["Default"] = type(parameter["Default"])(value)
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-west-2"))
    result: dict[str, Any] = translator.translate(content, parameter_values=dict(parameters))
    return result


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sets = {environment: declared(environment) for environment in ENVIRONMENTS}
    for name, parameters in (sets | {"everything": {**declared("prod"), **EVERYTHING}}).items():
        (folder / f"{name}.json").write_text(json.dumps(translated(parameters), indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
