"""Invokes the built package with one event, in a container of `sam local invoke` connected to this stack.

The function gets exactly the environment and the role's credentials of its deployed counterpart.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from local import deployment, ministack, roles, stack
from local.bridge import Bridge, bridge, docker
from local.errors import StackError
from local.places import PROJECT, Places, write_json

NO_DOCKER = """\
`make invoke` runs the function in a container, and no Docker engine answers here: {reason}
Install Docker or start it, and try again. Without Docker, send an event without `httpMethod` over HTTP:
    curl {api_url}/generate -H 'x-api-key: {api_key}' -d @{event}"""
NO_EVENT = "There is no event {event}; the folder events/ has some, as in `make invoke EVENT=events/direct.json`."


def invoke(places: Places, event: Path, function: str) -> int:
    """Return the exit code of `sam local invoke`, which prints the function's answer and log."""
    description = stack.described(places)
    _require(event, description)
    with bridge() as way:
        write_json(places.invocation, {function: _variables(description, function, way)})
        ended = subprocess.run(  # noqa: S603 - our own command
            _command(event.resolve(), function, places, way),
            cwd=PROJECT,
            env=_environment(description, function),
            check=False,
        )
    sys.stderr.write(f"\nThe answer's links ended with the container; its images are in {places.images}.\n")
    return ended.returncode


def _require(event: Path, description: dict[str, Any]) -> None:
    if not event.is_file():
        raise StackError(NO_EVENT.format(event=event))
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        raise StackError(NO_DOCKER.format(reason=reason, event=event, **description)) from error


def _command(event: Path, function: str, places: Places, way: Bridge) -> list[str]:
    built_for = deployment.built_for(ministack.runtime())
    return [
        *(str(deployment.SAM), "local", "invoke", function, "--event", str(event)),
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
    return variables | {
        "AWS_ENDPOINT_URL": way.address(description["aws_endpoint_url"]),
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": way.address(description["bedrock_url"]),
    }


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
