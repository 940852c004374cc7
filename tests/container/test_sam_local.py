"""`make invoke` with every event of events/, and `make start-api`: containers against the laptop stack's services."""

import io
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from local import net
from local.bridge import docker
from local.ministack import developer_environment
from tests.e2e import addresses
from tests.e2e.laptop import PROJECT, Emulator, Stack, command, eventually
from tests.permissions.world import unscheduled

Event = dict[str, Any]
Invoke = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no Docker engine answers: {getattr(error, 'stderr', None) or error}")


@pytest.fixture(autouse=True)
def _containers() -> Iterator[None]:
    with addresses.changing():
        yield


@pytest.fixture
def invoke(stack: Stack, tmp_path: Path) -> Invoke:
    """Invoke a function in a container that has its role's credentials only."""

    def invoke(event: Event, function: str = "ApiFunction") -> Any:  # noqa: ANN401 - any JSON
        file = tmp_path / "event.json"
        file.write_text(json.dumps(event))
        ended = command(stack.folder, "invoke", "--event", str(file), "--function", function)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    return invoke


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    """The API of `make start-api`."""
    port = net.free_port()
    words = [sys.executable, "-m", "local", "--state", str(stack.folder), "start-api", "--port", str(port)]
    log = (stack.folder / "start-api.log").open("w")
    running = subprocess.Popen(words, cwd=PROJECT, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - ours
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            eventually(lambda: _answers(client), seconds=60)
            yield client
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.wait(timeout=60)
        log.close()


def test_the_direct_event_stores_a_png(stack: Stack, emulator: Emulator, invoke: Invoke) -> None:
    # Its own key prevents a replay of another test's generation.
    asked = _event("direct") | {"idempotency_key": str(uuid.uuid4())}

    answer = invoke(asked)

    assert _stored(stack, answer) == ("PNG", (asked["width"], asked["height"]))
    assert [call["status"] for call in emulator.calls()] == [200]


def test_a_bad_event_raises_an_error_that_is_caught_by_its_class(emulator: Emulator, invoke: Invoke) -> None:
    assert invoke({"text": ""})["errorType"] == "InvalidRequest"
    assert emulator.calls() == []


def test_the_http_event_stores_a_png(stack: Stack, invoke: Invoke) -> None:
    event = _event("api-gateway")
    body = json.loads(event["body"]) | {"text": f"A harbour {uuid.uuid4()}", "width": 512, "height": 768}

    answer = invoke(event | {"body": json.dumps(body)})

    assert answer["statusCode"] == 200
    assert _stored(stack, json.loads(answer["body"])) == ("PNG", (512, 768))


def test_the_queues_event_runs_its_job(stack: Stack, emulator: Emulator, invoke: Invoke) -> None:
    with stack.worker_paused():
        job = _ordered(stack)
        event = _event("sqs")
        event["Records"][0]["body"] = job["id"]

        assert invoke(event, "WorkerFunction") == {"batchItemFailures": []}

    ended = httpx.get(job["links"]["self"], headers=_key(stack), trust_env=False).json()
    assert ended["status"] == "succeeded"
    assert _stored(stack, ended["result"]) == ("PNG", (512, 512))
    assert len(emulator.calls()) == 1


def test_the_schedules_event_resends_a_lost_job(stack: Stack, emulator: Emulator, invoke: Invoke) -> None:
    # The stack's own schedule must not sweep first.
    with unscheduled(stack), stack.worker_paused():
        job = _ordered(stack)
        stack.client("sqs").purge_queue(QueueUrl=stack.description["queue_url"])
        _make_due(stack, job["id"])

        assert invoke(_event("schedule"), "SweeperFunction")["due"] >= 1

    eventually(emulator.calls)


def test_the_authorizers_event_names_the_caller(invoke: Invoke) -> None:
    event = _event("authorizer")

    answer = invoke(event, "AuthorizerFunction")

    [statement] = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], answer["usageIdentifierKey"]) == ("Allow", "a-key-for-tests-only")
    assert answer["principalId"] == answer["context"]["caller"]


def test_start_api_asks_the_authorizer_and_stores_a_png(stack: Stack, api: httpx.Client) -> None:
    request = {"text": f"A harbour {uuid.uuid4()}", "width": 512, "height": 512}

    refused = api.post("/generate", json=request)
    answer = api.post("/generate", json=request, headers={"Authorization": "Bearer a-key-for-tests-only"})
    listed = api.get("/images", headers={"x-api-key": "a-key-for-tests-only"})

    assert refused.status_code in {401, 403}
    assert answer.status_code == 200, answer.text
    assert _stored(stack, answer.json()) == ("PNG", (512, 512))
    assert [image["id"] for image in listed.json()["images"]] == [answer.json()["details"][0]["id"]]


def test_the_file_of_variables_has_the_deployed_environment(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _act_as_operator(stack, monkeypatch)
    file = tmp_path / "variables.json"

    ended = command(stack.folder, "variables", "--stack", stack.description["stack_name"], "--file", str(file))

    assert f"--env-vars {file}" in ended.stdout
    written = json.loads(file.read_text())
    configuration = stack.client("lambda").get_function_configuration(FunctionName=stack.function)
    assert written.keys() == stack.description["functions"].keys()
    token = _event("api-gateway")["requestContext"]["authorizer"]["gateway_token"]
    assert written["ApiFunction"] == configuration["Environment"]["Variables"] | {"GATEWAY_TOKEN": token}


def test_an_unknown_stack_has_no_variables(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _act_as_operator(stack, monkeypatch)

    ended = command(stack.folder, "variables", "--stack", "nobodys", "--file", str(tmp_path / "variables.json"))

    assert ended.returncode
    assert "The stack nobodys could not be read" in ended.stderr


def _act_as_operator(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in developer_environment(stack.description["aws_endpoint_url"]).items():
        monkeypatch.setenv(name, value)


def _event(name: str) -> Event:
    event: Event = json.loads((PROJECT / "events" / f"{name}.json").read_text())
    return event


def _stored(stack: Stack, answer: dict[str, Any]) -> tuple[str | None, tuple[int, int]]:
    """The format and size of the answer's image, from the bucket."""
    key = f"generated_images/{answer['details'][0]['id']}.png"
    stored = stack.client("s3").get_object(Bucket=stack.description["bucket"], Key=key)["Body"].read()
    with Image.open(io.BytesIO(stored)) as image:
        image.load()
        return image.format, image.size


def _ordered(stack: Stack) -> dict[str, Any]:
    request = {"text": f"A harbour {uuid.uuid4()}", "width": 512, "height": 512}
    url = f"{stack.description['api_url']}/generate"
    headers = _key(stack) | {"Prefer": "respond-async"}
    answer = httpx.post(url, json=request, headers=headers, timeout=60, trust_env=False)
    job: dict[str, Any] = answer.raise_for_status().json()
    return job


def _key(stack: Stack) -> dict[str, str]:
    return {"x-api-key": stack.description["api_key"]}


def _make_due(stack: Stack, job: str) -> None:
    stack.client("dynamodb").update_item(
        TableName=stack.description["table"],
        Key={"id": {"S": f"generation#{job}"}},
        UpdateExpression="SET due_at = :long_ago, listed_at = :long_ago",
        ExpressionAttributeValues={":long_ago": {"N": "1"}},
    )


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code < 500
    except httpx.TransportError:
        return False
