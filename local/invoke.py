"""Runs the built package in containers of `sam local` that are connected to this stack.

Each function gets the environment of its deployed counterpart, and the credentials of one role.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local import deployment, ministack, net, roles, stack
from local.bridge import Bridge, bridge, docker
from local.errors import StackError
from local.places import PROJECT, Places, write_json

NO_DOCKER = """\
This command runs functions in containers, and no Docker engine answers here: {reason}
Install Docker or start it, and try again. Without Docker, send an event without `httpMethod` over HTTP:
    curl {api_url}/generate -H 'x-api-key: {api_key}' -d @events/direct.json"""
START_API = """\
`sam local start-api` answers on http://{host}:{port}/generate (no stage in the path). The authorizer runs too, but
SAM CLI knows no API keys: every key is a caller of its own. Ctrl-C ends it.
"""
NO_EVENT = "There is no event {event}; the folder events/ has some, as in `make invoke EVENT=events/direct.json`."


def invoke(places: Places, event: Path, function: str) -> int:
    """Return the exit code of `sam local invoke`, which prints the function's answer and log."""
    if not event.is_file():
        raise StackError(NO_EVENT.format(event=event))
    ended = _run(places, function, [function], "invoke", function, "--event", str(event.resolve()))
    sys.stderr.write(f"\nThe answer's links ended with the container; its images are in {places.images}.\n")
    return ended


def start_api(places: Places, port: int) -> int:
    """Return the exit code of `sam local start-api`, which ends with Ctrl-C."""
    sys.stderr.write(START_API.format(host=net.HOST, port=port))
    own = ("--host", net.HOST, "--port", str(port), "--warm-containers", "LAZY")
    return _run(places, "ApiFunction", ["ApiFunction", "AuthorizerFunction"], "start-api", *own)


def _run(places: Places, role_of: str, functions: Sequence[str], *words: str) -> int:
    description = stack.described(places)
    _require_docker(description)
    with bridge() as way:
        write_json(places.invocation, {name: _variables(description, name, way) for name in functions})
        return subprocess.run(  # noqa: S603 - our own command
            [str(deployment.SAM), "local", *words, *_options(places, way)],
            cwd=PROJECT,
            env=_environment(description, role_of),
            check=False,
        ).returncode


def _require_docker(description: dict[str, Any]) -> None:
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        raise StackError(NO_DOCKER.format(reason=reason, **description)) from error


def _options(places: Places, way: Bridge) -> list[str]:
    built_for = deployment.built_for(ministack.runtime())
    return [
        *("--docker-network", way.network, "--env-vars", str(places.invocation)),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in built_for.items())),
        *_pull(built_for["PythonRuntime"], built_for["Architecture"]),
    ]


def _pull(runtime: str, machine: str) -> list[str]:
    """Skip the pull if this machine has the image."""
    image = f"public.ecr.aws/lambda/python:{runtime.removeprefix('python')}-{machine}"
    return ["--skip-pull-image"] if docker("image", "ls", "--quiet", image) else []


def _variables(description: dict[str, Any], function: str, way: Bridge) -> dict[str, str]:
    """Return the deployed environment: `sam local` does not know the resources' names."""
    variables: dict[str, str] = _deployed(description, function)["Environment"]["Variables"]
    services = {name: value for name, value in variables.items() if name.startswith("AWS_ENDPOINT_URL")}
    services["AWS_ENDPOINT_URL"] = description["aws_endpoint_url"]
    return events_token(variables) | {name: way.address(url) for name, url in services.items()}


def events_token(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the gateway token of events/api-gateway.json, which the function then accepts."""
    event = json.loads((PROJECT / "events" / "api-gateway.json").read_text())
    token: str = event["requestContext"]["authorizer"]["gateway_token"]
    return {name: token if name == "GATEWAY_TOKEN" else value for name, value in variables.items()}


def _environment(description: dict[str, Any], function: str) -> dict[str, str]:
    functions = ministack.client("lambda", description["aws_endpoint_url"])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    credentials = roles.credentials(functions, _deployed(description, function)["Role"])
    return inherited | credentials | {"AWS_DEFAULT_REGION": description["region"], "SAM_CLI_TELEMETRY": "0"}


def _deployed(description: dict[str, Any], function: str) -> dict[str, Any]:
    functions = ministack.client("lambda", description["aws_endpoint_url"])
    try:
        name = description["functions"][function]
    except KeyError as error:
        raise StackError(f"There is no {function}; the functions are {', '.join(description['functions'])}.") from error
    configuration: dict[str, Any] = functions.get_function_configuration(FunctionName=name)
    return configuration
