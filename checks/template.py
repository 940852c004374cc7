"""The template as CloudFormation gets to see it: translated by SAM, for the parameters of each environment.

`python -m checks.template <folder>` writes one file for each environment of samconfig.toml, for linters to read.
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
    content["Resources"]["SigningLayer"]["Properties"]["ContentUri"] = "s3://bucket/key"
    for name, value in parameters.items():
        parameter = content["Parameters"][name]
        parameter["Default"] = type(parameter["Default"])(value)
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-west-2"))
    result: dict[str, Any] = translator.translate(content, parameter_values=dict(parameters))
    return result


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for environment in ENVIRONMENTS:
        template = translated(declared(environment))
        (folder / f"{environment}.json").write_text(json.dumps(template, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
