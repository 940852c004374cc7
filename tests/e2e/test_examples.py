"""The lines of each example's README, as they stand, on the laptop stack."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.e2e.laptop import PROJECT, Emulator, Stack, eventually

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NODE = PROJECT / ".local" / "venvs" / "node" / "bin"
AWS = PROJECT / ".local" / "venvs" / "aws" / "bin" / "aws"

SDK_ATTEMPTS = 3


@dataclass(frozen=True)
class Printed:
    text: str

    def results(self) -> list[dict[str, Any]]:
        """The JSON objects that begin a line or follow another: SAM CLI ends its output without a line break."""
        found, end = [], 0
        for start in (match.end() - 1 for match in re.finditer(r"(?:^|\}|\n)\{", self.text)):
            if start >= end:
                result, end = json.JSONDecoder().raw_decode(self.text, start)
                found.append(result)
        return found


Bash = Callable[..., subprocess.CompletedProcess[str]]
Run = Callable[..., Printed]


@pytest.fixture
def bash(stack: Stack, tmp_path: Path) -> Bash:
    """Run lines in a folder that has the examples alone, with these variables set."""
    assert AWS.exists(), "no AWS CLI; `make aws-cli` installs it"
    for folder in ("examples", "events"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)

    def bash(lines: str, **variables: str) -> subprocess.CompletedProcess[str]:
        source = f"source {stack.folder}/env; source {stack.folder}/aws-env"
        path = f"{PROJECT}/.venv/bin:{NODE}:{os.environ['PATH']}"
        return subprocess.run(  # noqa: S603 - our own lines
            ["bash", "-c", f"set -euo pipefail; {source}\n{lines}"],  # noqa: S607 - as a developer does
            cwd=tmp_path,
            env=os.environ | {"PATH": path, "SAM_CLI_TELEMETRY": "0"} | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return bash


@pytest.fixture
def run(bash: Bash) -> Run:
    """Run the lines of an example's README."""

    def run(example: str, **variables: str) -> Printed:
        lines = "".join(BLOCK.findall((PROJECT / "examples" / example / "README.md").read_text()))
        ended = bash(lines, **variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return Printed(ended.stdout)

    return run


def test_state_machines_make_the_good_requests_and_name_the_bad(stack: Stack, emulator: Emulator, run: Run) -> None:
    now, later = run("step-functions").results()

    assert (now["made"], now["not_made"], now["cost_usd"]) == (9, [3], 0.072)
    bad = now["results"][3]
    assert (bad["status"], bad["error"]) == ("refused", "InvalidRequest")
    assert "width" in json.loads(bad["cause"])["errorMessage"]
    assert (later["made"], later["not_made"], later["results"][1]["error"]) == (2, [1], "InvalidRequest")
    keys = [key for each in (now, later) for result in each["results"] for key in result.get("keys", ())]
    assert len(keys) == 11
    assert set(keys) <= stack.keys()
    assert sum(call["images"] for call in emulator.calls()) == 11

    emulator.configure(block={"prompt_contains": "forbidden"})
    (blocked,) = _execute(stack, "GenerateJobs", "a forbidden thing")["results"]
    assert (blocked["status"], blocked["error"]) == ("refused", "ContentBlocked")
    assert json.loads(blocked["cause"])["code"] == "content_blocked"

    # The SDK's attempts are used up, so that the function raises Throttled.
    emulator.configure(faults=[{"model": "*", "error": "ThrottlingException", "times": SDK_ATTEMPTS}])
    emulator.forget()
    assert _execute(stack, "Generate", "a patient fox", model="titan")["made"] == 1
    assert [call["status"] for call in emulator.calls()] == [*[429] * SDK_ATTEMPTS, 200]


def _execute(stack: Stack, machine: str, text: str, **fields: object) -> dict[str, Any]:
    """The output of a state machine for one request."""
    described = stack.client("cloudformation").describe_stacks(StackName="text-to-image-workflows")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    request = {"text": text, "width": 512, "height": 512, **fields}
    states = stack.client("stepfunctions")
    execution = states.start_execution(
        stateMachineArn=outputs[f"{machine}Arn"], input=json.dumps({"requests": [request]})
    )
    output = eventually(lambda: states.describe_execution(executionArn=execution["executionArn"]).get("output"))
    return json.loads(output)


def test_the_event_of_an_image_reaches_the_queue_and_fits_the_schema(run: Run, emulator: Emulator) -> None:
    *_, event = run("events").results()

    schema = json.loads((PROJECT / "examples" / "events" / "schema.json").read_text())
    jsonschema_rs.validate(schema, event)
    assert event["detail-type"] == "Generation Completed"
    assert "kite" not in json.dumps(event)
    assert sum(call["images"] for call in emulator.calls()) == 1
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, event | {"detail": event["detail"] | {"cost_usd": "free"}})


def test_a_batch_makes_its_good_lines_and_pays_for_them_once(stack: Stack, emulator: Emulator, run: Run) -> None:
    monday, *lines, tuesday = run("batch").results()

    assert monday["lines"] == tuesday["lines"] == {"made": 3, "refused": 1}
    assert monday["cost_usd"] == tuesday["cost_usd"] == 0.034
    assert [(line["line"], line["status"]) for line in lines] == [
        (2, "made"),
        (3, "made"),
        (4, "refused"),
        (5, "made"),
    ]
    assert (lines[2]["error"], len(lines[3]["keys"])) == ("InvalidRequest", 2)
    assert {key for line in lines for key in line.get("keys", ())} <= stack.keys()
    assert sum(call["images"] for call in emulator.calls()) == 4


def test_each_sample_makes_its_image(stack: Stack, emulator: Emulator, run: Run) -> None:
    printed = run("samples").text

    assert len(re.findall(r"https?://\S+?/generated_images/[0-9a-f-]{36}\.png", printed)) >= 4
    (key,) = re.findall(r"(?<!/)\bgenerated_images/[0-9a-f-]{36}\.png", printed)
    assert {key} <= stack.keys()
    assert sum(call["images"] for call in emulator.calls()) == 5


@pytest.mark.parametrize("command", ["bash generate.sh", "python3 generate.py", "node generate.mjs"])
def test_a_sample_says_why_there_is_no_image(bash: Bash, command: str) -> None:
    ended = bash(f"cd examples/samples; API_KEY=nobodys {command}")

    assert ended.returncode != 0
    assert "unauthorized" in ended.stdout + ended.stderr
    assert "Send one valid API key" in ended.stdout + ended.stderr


@dataclass
class ControlPlane:
    """The control plane of AgentCore, which MiniStack does not have: it accepts what the AWS CLI found to be valid."""

    url: str
    requests: list[tuple[str, Any]] = field(default_factory=list)


@pytest.fixture
def agentcore() -> Iterator[ControlPlane]:
    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            control.requests.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(202)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        control = ControlPlane(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield control
        server.shutdown()
        thread.join()


def test_agents_of_aws_make_an_image_and_learn_of_the_tools(
    stack: Stack, emulator: Emulator, agentcore: ControlPlane, run: Run
) -> None:
    agents, iam = stack.client("bedrock-agent"), stack.client("iam")
    agent = agents.create_agent(agentName="artist")["agent"]["agentId"]
    iam.create_role(RoleName="a-gateway", AssumeRolePolicyDocument="{}")

    _, of_gateway, _, of_agent, *_ = run(
        "agentcore",
        AGENT=agent,
        GATEWAY="a-gateway-0123456789",
        GATEWAY_ROLE="a-gateway",
        AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL=agentcore.url,
    ).results()

    body = json.loads(of_agent["response"]["responseBody"]["application/json"]["body"])
    assert (of_gateway["status"], of_gateway["cost_usd"]) == ("succeeded", 0.008)
    assert [image["id"] for image in body["images"]] == [image["id"] for image in of_gateway["images"]]
    assert sum(call["images"] for call in emulator.calls()) == 1

    folder = PROJECT / "examples" / "agentcore"
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.function)["FunctionArn"]
    ((path, target),) = agentcore.requests
    tools = {"inlinePayload": json.loads((folder / "tools.json").read_text())}
    assert path == "/gateways/a-gateway-0123456789/targets/"
    assert target["targetConfiguration"]["mcp"]["lambda"] == {"lambdaArn": function, "toolSchema": tools}
    policy = iam.get_role_policy(RoleName="a-gateway", PolicyName="InvokeTextToImage")["PolicyDocument"]
    assert (policy["Statement"][0]["Action"], policy["Statement"][0]["Resource"]) == ("lambda:InvokeFunction", function)

    (group,) = agents.list_agent_action_groups(agentId=agent, agentVersion="DRAFT")["actionGroupSummaries"]
    added = agents.get_agent_action_group(agentId=agent, agentVersion="DRAFT", actionGroupId=group["actionGroupId"])[
        "agentActionGroup"
    ]
    assert added["actionGroupExecutor"] == {"lambda": function}
    assert added["apiSchema"] == {"payload": (folder / "action-group.json").read_text()}
    assert agents.get_agent(agentId=agent)["agent"]["agentStatus"] == "PREPARED"
