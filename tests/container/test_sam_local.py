"""`make invoke`: the built package's runtime interface, handler string, packaging and environment."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.bridge import docker
from tests.e2e.laptop import PROJECT, Emulator, Stack, command

Invoke = Callable[[Path], Any]


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no Docker engine answers: {getattr(error, 'stderr', None) or error}")


@pytest.fixture
def invoke(stack: Stack) -> Invoke:
    """Invoke ApiFunction in a container that has its role's credentials only."""

    def invoke(event: Path) -> Any:  # noqa: ANN401 - any JSON
        ended = command(stack.folder, "invoke", "--event", str(event))
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    return invoke


def test_the_direct_event_stores_a_png(stack: Stack, emulator: Emulator, invoke: Invoke, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    # Its own key prevents a replay of another test's generation.
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
