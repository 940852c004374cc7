"""`sam local invoke` of the built package: its runtime interface, handler string, packaging and environment."""

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.container.bridge import Bridge, bridge, docker
from tests.e2e.laptop import PROJECT, Emulator, Stack

Invoke = Callable[[Path], Any]


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no Docker engine answers: {getattr(error, 'stderr', None) or error}")


@pytest.fixture(scope="module")
def way_to_the_stack() -> Iterator[Bridge]:
    with bridge() as way:
        yield way


@pytest.fixture
def invoke(stack: Stack, role_credentials: dict[str, str], way_to_the_stack: Bridge, tmp_path: Path) -> Invoke:
    """Invokes ApiFunction in a container that holds the credentials of the function's role, and no others."""
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps({"ApiFunction": _variables(stack, way_to_the_stack)}))
    runtime = stack.client("lambda").get_function_configuration(FunctionName=stack.function)["Runtime"]
    options = ["--docker-network", way_to_the_stack.network, "--env-vars", str(variables)]
    options += ["--parameter-overrides", f"PythonRuntime={runtime}", *_pull(runtime)]

    def invoke(event: Path) -> Any:  # noqa: ANN401 - any JSON
        sam = PROJECT / ".local" / "venvs" / "sam" / "bin" / "sam"
        ended = subprocess.run(  # noqa: S603 - our own command
            [str(sam), "local", "invoke", "ApiFunction", "--event", str(event), *options],
            cwd=PROJECT,
            env=_environment(role_credentials, stack.description["region"]),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    return invoke


def test_the_direct_event_stores_a_png(stack: Stack, emulator: Emulator, invoke: Invoke, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    # With a key of its own, or it would be the replay of another test's.
    direct = json.loads((PROJECT / "events" / "direct.json").read_text())
    event.write_text(json.dumps(direct | {"idempotency_key": "from a container"}))

    answer = invoke(event)

    key = f"generated_images/{answer['details'][0]['id']}.png"
    stored = stack.client("s3").get_object(Bucket=stack.description["bucket"], Key=key)["Body"].read()
    asked = json.loads(event.read_text())
    with Image.open(io.BytesIO(stored)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (asked["width"], asked["height"]))
    assert [call["status"] for call in emulator.calls()] == [200]


def test_a_bad_event_raises_an_error_that_is_caught_by_its_class(
    emulator: Emulator, invoke: Invoke, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"text": ""}))

    assert invoke(event)["errorType"] == "InvalidRequest"
    assert emulator.calls() == []


def _variables(stack: Stack, way: Bridge) -> dict[str, str]:
    """What the function has where it is deployed; `sam local` itself knows no resource's name."""
    deployed = stack.client("lambda").get_function_configuration(FunctionName=stack.function)
    return deployed["Environment"]["Variables"] | {
        "AWS_ENDPOINT_URL": way.address(stack.description["aws_endpoint_url"]),
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": way.address(stack.description["bedrock_url"]),
    }


def _pull(runtime: str) -> list[str]:
    """The official image is pulled unless this machine has one of that name already."""
    machine = docker("version", "--format", "{{.Server.Arch}}").replace("amd64", "x86_64")
    image = f"public.ecr.aws/lambda/python:{runtime.removeprefix('python')}-{machine}"
    return ["--skip-pull-image"] if docker("image", "ls", "--quiet", image) else []


def _environment(credentials: dict[str, str], region: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    named = {name.upper(): value for name, value in credentials.items()}
    return kept | named | {"AWS_DEFAULT_REGION": region, "SAM_CLI_TELEMETRY": "0"}
