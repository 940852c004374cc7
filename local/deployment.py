"""Builds and deploys template.yaml with SAM CLI; the services behind it are MiniStack's."""

import fcntl
import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local import ministack
from local.commands import run
from local.errors import StackError
from local.intrinsics import Conditions
from local.parameters import allows, requirement
from local.places import PROJECT, VENVS, Places

STACK_NAME = "text-to-image-api"
BUILDS = PROJECT / ".aws-sam"
BUILD = BUILDS / "build"
SAM = VENVS / "sam" / "bin" / "sam"
SIGNING_KEY = "SigningKeyArn"


@dataclass(frozen=True)
class Deployed:
    """The deployed stack, by the template's logical names."""

    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    functions: Mapping[str, str]
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    api_key: str

    @property
    def api_id(self) -> str:
        return self.resources["Api"]

    @property
    def definition(self) -> Mapping[str, Any]:
        """The OpenAPI document in the translated template."""
        conditions = Conditions(self.template["Conditions"], self.parameters)
        body: Mapping[str, Any] = conditions.resolved(self.template["Resources"]["Api"]["Properties"]["Body"])
        return body

    @property
    def stage(self) -> str:
        return self.resources["ApiapiStage"]


def parameters(runtime: str, bedrock_url: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that differ from AWS, with limits too high to disturb a developer."""
    ours = built_for(runtime) | {
        "BedrockEndpointUrl": bedrock_url,
        "BucketTlsOnly": "false",
        "MonthlyBudgetUsd": "0",
        "MonthlyQuota": "0",
        "OpenJobsPerKey": "1000",
        "WebhookNetworks": "127.0.0.0/8,::1/128",
        **{f"{whose}{what}Limit": "1000" for whose in ("", "Stage", "Public") for what in ("Rate", "Burst")},
    }
    return _defaults() | ours | dict(overrides)


def built_for(runtime: str) -> dict[str, str]:
    """Return the parameters that are fixed at build time."""
    arm = platform.machine() in ("arm64", "aarch64")
    return {"Architecture": "arm64" if arm else "x86_64", "PythonRuntime": runtime}


def build(places: Places, runtime: str, values: Mapping[str, str]) -> None:
    """Build the functions, and the layer for signing if there is a key."""
    folder = _build_folder(values)
    built_from = folder / "built-from"
    with _build_lock():
        source = f"{runtime} {source_digest()}"
        if not (built_from.exists() and built_from.read_text() == source):
            _sam_build(places, folder, built_for(runtime) | {SIGNING_KEY: values.get(SIGNING_KEY, "")})
            built_from.write_text(source)


def deploy(places: Places, endpoint: str, values: Mapping[str, str]) -> None:
    command = [
        *(str(SAM), "deploy", "--stack-name", STACK_NAME, "--region", ministack.REGION),
        *("--config-file", str(PROJECT / "samconfig.toml")),
        *("--template-file", str(_build_folder(values) / "template.yaml")),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
        *("--parameter-overrides", *(f"{name}={json.dumps(value)}" for name, value in values.items())),
    ]
    environment = ministack.developer_environment(endpoint) | _SAM_ENVIRONMENT
    run(command, environment, places.logs / "deploy.log", "`sam deploy` failed.")


def describe(endpoint: str) -> Deployed:
    cloudformation = ministack.client("cloudformation", endpoint)
    (stack,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    resources = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    return Deployed(
        outputs=outputs,
        resources=_names(resources),
        functions=_names(resource for resource in resources if resource["ResourceType"] == "AWS::Lambda::Function"),
        template=cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Processed")["TemplateBody"],
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]},
        api_key=_api_key(endpoint, outputs["ApiKeyId"]),
    )


def mend_scaling(endpoint: str, deployed: Deployed) -> None:
    """Convert MaximumConcurrency to a number, as AWS does; with MiniStack's string its poller fetches no message."""
    functions = ministack.client("lambda", endpoint)
    for name in deployed.functions.values():
        for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            numbers = {key: int(value) for key, value in mapping.get("ScalingConfig", {}).items()}
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=numbers)


def source_digest() -> str:
    """Return a digest of everything that a deployment is made of."""
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def check(overrides: Mapping[str, str]) -> None:
    """Raise StackError for an unknown parameter, or a value that AWS would refuse."""
    declared = _declared()
    unknown = overrides.keys() - declared.keys()
    if unknown:
        raise StackError(f"The template has no parameter {', '.join(sorted(unknown))}; it has {', '.join(declared)}.")
    for name, value in overrides.items():
        if not allows(name, declared[name], value):
            raise StackError(f"{name}={value} is not allowed. {requirement(name, declared[name])}")


def _declared() -> Mapping[str, Mapping[str, Any]]:
    parameters: Mapping[str, Mapping[str, Any]] = yaml_parse((PROJECT / "template.yaml").read_text())["Parameters"]
    return parameters


def _defaults() -> dict[str, str]:
    """Return every default: `sam deploy` keeps the previous value of a parameter that is not passed."""
    return {name: str(parameter["Default"]) for name, parameter in _declared().items()}


_SAM_ENVIRONMENT = {"SAM_CLI_TELEMETRY": "0"}


def _sources() -> Iterator[Path]:
    yield from (PROJECT / "template.yaml", PROJECT / "samconfig.toml")
    for folder in ("functions", "package"):
        for path in (PROJECT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _build_folder(values: Mapping[str, str]) -> Path:
    """Return SAM's own folder, or another for stacks that sign, so that one build does not replace the other."""
    return BUILDS / "build-signing" if values.get(SIGNING_KEY) else BUILD


def _sam_build(places: Places, folder: Path, parameters: Mapping[str, str]) -> None:
    overrides = (f"{name}={value}" for name, value in parameters.items() if value)
    command = [str(SAM), "build", "--build-dir", str(folder), "--parameter-overrides", *overrides]
    environment = os.environ | _SAM_ENVIRONMENT | {"AWS_DEFAULT_REGION": ministack.REGION}
    run(command, environment, places.logs / "build.log", "`sam build` failed.")


@contextmanager
def _build_lock() -> Iterator[None]:
    """Lock the build folders, which all stacks and `sam local invoke` share."""
    BUILDS.mkdir(exist_ok=True)
    with (BUILDS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _names(resources: Any) -> dict[str, str]:  # noqa: ANN401 - CloudFormation's untyped answer
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def _api_key(endpoint: str, key_id: str) -> str:
    apigateway = ministack.client("apigateway", endpoint)
    key: str = apigateway.get_api_key(apiKey=key_id, includeValue=True)["value"]
    return key
