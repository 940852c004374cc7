"""Agents of AWS's own services, which invoke the function directly."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from openapi_spec_validator import OpenAPIV30SpecValidator

import api.app
from api.tools import TOOLS
from checks.agents import ACTION_GROUP, TARGET_TOOLS
from imaging.errors import InvalidRequest
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.lambda_runtime import FakeContext
from tests.fakes.queue import FakeQueue
from tests.unit.conftest import Send
from tests.unit.doors import work

pytestmark = pytest.mark.usefixtures("services")

FOX = {"text": "a fox", "model": "titan"}
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:text-to-image-api-api"
LARGEST_ANSWER = 25_000
"""Bytes that Bedrock Agents take: https://docs.aws.amazon.com/bedrock/latest/userguide/agents-lambda.html."""


@pytest.fixture
def worker(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job is done as soon as its message is sent."""
    monkeypatch.setattr(queue, "send", lambda text, _: work(text))


def from_gateway(tool: str, arguments: object, target: str = "images___") -> Any:  # noqa: ANN401 - any JSON
    context = FakeContext()
    custom = {"bedrockAgentCoreToolName": f"{target}{tool}", "bedrockAgentCoreGatewayId": "a"}
    context.client_context = SimpleNamespace(custom=custom, env=None, client=None)  # type: ignore[attr-defined]
    return api.app.lambda_handler(arguments, context)


def written(value: object) -> dict[str, str]:
    kinds = {int: "integer", float: "number", bool: "boolean", str: "string", list: "array"}
    return {"type": kinds[type(value)], "value": value if isinstance(value, str) else json.dumps(value)}


def properties(arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"name": name, **written(value)} for name, value in arguments.items()]


def action_group_event(tool: str, arguments: Mapping[str, Any], **other: object) -> dict[str, Any]:
    return {
        "messageVersion": "1.0",
        "agent": {"name": "artist", "id": "AGENT12345", "alias": "TSTALIASID", "version": "DRAFT"},
        "inputText": "draw a fox",
        "sessionId": "a session",
        "actionGroup": "images",
        "apiPath": f"/{tool}",
        "httpMethod": "POST",
        "requestBody": {"content": {"application/json": {"properties": properties(arguments)}}},
        "sessionAttributes": {},
        "promptSessionAttributes": {},
        **other,
    }


def from_action_group(tool: str, arguments: Mapping[str, Any], **other: object) -> Any:  # noqa: ANN401 - any JSON
    answer = api.app.lambda_handler(action_group_event(tool, arguments, **other), FakeContext())
    assert len(json.dumps(answer)) < LARGEST_ANSWER
    assert (answer["messageVersion"], answer["response"]["actionGroup"]) == ("1.0", "images")
    return answer["response"]


def body(response: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(response["responseBody"]["application/json"]["body"])


@pytest.mark.usefixtures("worker")
class TestAgentCore:
    @pytest.mark.parametrize("target", ["images___", "a-target___", ""])
    def test_a_flat_map_of_arguments_makes_an_image(self, bedrock: FakeBedrock, target: str) -> None:
        job = from_gateway("generate_image", {**FOX, "width": 512, "height": 512}, target)
        assert (job["status"], job["cost_usd"], len(job["images"])) == ("succeeded", 0.008, 1)
        assert json.loads(json.dumps(job)) == job
        assert len(bedrock.calls) == 1

    def test_the_other_tools_answer_too(self) -> None:
        job = from_gateway("generate_image", FOX)
        assert from_gateway("get_job", {"id": job["id"]})["images"] == job["images"]
        assert from_gateway("get_usage", {})["spent_usd"] == 0.01
        assert len(from_gateway("list_models", {})["models"]) == 5

    @pytest.mark.parametrize(
        ("tool", "arguments", "said"),
        [
            ("generate_image", {**FOX, "width": 5000}, "width"),
            ("generate_image", {}, "text"),
            ("generate_image", [], "text"),
            ("generate_image", None, "text"),
            ("paint", {}, "There are generate_image, get_job"),
            ("get_job", {"id": "nothing"}, "no such job"),
        ],
    )
    def test_an_error_is_an_answer_that_the_agent_can_read(self, tool: str, arguments: object, said: str) -> None:
        answer = from_gateway(tool, arguments)
        assert (answer["isError"], said in answer["content"][0]["text"]) == (True, True)

    def test_without_a_tool_the_event_is_the_body_of_generate(self) -> None:
        context = FakeContext()
        for client_context in (None, SimpleNamespace(custom=None), SimpleNamespace(custom={"other": "1"})):
            context.client_context = client_context  # type: ignore[attr-defined]
            assert api.app.lambda_handler(FOX, context)["message"] == "Images generated successfully"


@pytest.mark.usefixtures("worker")
class TestBedrockAgents:
    def test_an_action_groups_event_makes_an_image(self, bedrock: FakeBedrock) -> None:
        response = from_action_group("generate_image", {**FOX, "width": 512, "height": 512, "cfg_scale": 7.5})
        assert (response["apiPath"], response["httpMethod"]) == ("/generate_image", "POST")
        assert response["httpStatusCode"] == 200
        assert (body(response)["status"], body(response)["cost_usd"]) == ("succeeded", 0.008)
        assert bedrock.calls[0].body["imageGenerationConfig"]["cfgScale"] == 7.5

    def test_parameters_are_arguments_too(self) -> None:
        job = body(from_action_group("generate_image", FOX))
        looked_at = from_action_group("get_job", {}, requestBody=None, parameters=properties({"id": job["id"]}))
        assert body(looked_at)["images"] == job["images"]

    def test_a_function_is_answered_as_one(self) -> None:
        event = action_group_event("x", {}, function="get_usage", parameters=[])
        for name in ("apiPath", "httpMethod", "requestBody"):
            del event[name]
        response = api.app.lambda_handler(event, FakeContext())["response"]
        assert (response["actionGroup"], response["function"]) == ("images", "get_usage")
        assert json.loads(response["functionResponse"]["responseBody"]["TEXT"]["body"])["spent_usd"] == 0
        assert "responseState" not in response["functionResponse"]

        event["function"] = "get_job"
        response = api.app.lambda_handler(event, FakeContext())["response"]["functionResponse"]
        assert (response["responseState"], "id" in response["responseBody"]["TEXT"]["body"]) == ("REPROMPT", True)

    @pytest.mark.parametrize(
        ("tool", "arguments", "status", "code"),
        [
            ("generate_image", {"text": "a fox", "width": 5000}, 400, "invalid_request"),
            ("generate_image", {"text": "a fox", "width": "wide"}, 400, "invalid_request"),
            ("paint", {}, 400, "invalid_request"),
            ("get_job", {"id": "nothing"}, 404, "not_found"),
        ],
    )
    def test_an_error_has_its_status_and_the_remedy(
        self, tool: str, arguments: Mapping[str, Any], status: int, code: str
    ) -> None:
        response = from_action_group(tool, arguments)
        assert (response["httpStatusCode"], body(response)["code"]) == (status, code)

    def test_a_value_that_is_not_of_its_type_is_named(self) -> None:
        wrong = {"content": {"a": {"properties": [{"name": "width", "type": "integer", "value": "[" * 5000}]}}}
        response = from_action_group("generate_image", {}, requestBody=wrong)
        assert "width" in body(response)["detail"]

    def test_every_tools_answer_is_short_enough(self) -> None:
        job = body(from_action_group("generate_image", {**FOX, "number_of_images": 4}))
        assert len(job["images"]) == 4
        from_action_group("list_models", {})

    @pytest.mark.parametrize(
        "changes",
        [
            {"actionGroup": 5},
            {"apiPath": []},
            {"parameters": "a"},
            {"requestBody": {"content": {"a": {"properties": 1}}}},
        ],
    )
    def test_an_event_that_only_looks_like_one_is_refused(self, changes: Mapping[str, Any]) -> None:
        with pytest.raises(InvalidRequest, match="Bedrock Agents"):
            api.app.lambda_handler({**action_group_event("get_usage", {}), **changes}, FakeContext())


@pytest.mark.parametrize("tool", ["get_job", "cancel_job"])
def test_jobs_of_api_keys_are_not_there_for_agents(send: Send, tool: str) -> None:
    job_id = send("POST", "/generate", FOX, prefer="respond-async").json["id"]
    assert "no such job" in from_gateway(tool, {"id": job_id})["content"][0]["text"]
    assert body(from_action_group(tool, {"id": job_id}))["code"] == "not_found"
    assert send("GET", f"/jobs/{job_id}").json["status"] == "queued"


def test_nor_are_an_agents_jobs_there_for_api_keys(send: Send) -> None:
    job = from_gateway("generate_image", {**FOX, "wait_seconds": 0})
    assert send("GET", f"/jobs/{job['id']}").status == 404
    assert send("POST", "/generate", FOX).json["id"] != job["id"]


def test_the_gateway_takes_the_tools() -> None:
    configuration = {"mcp": {"lambda": {"lambdaArn": FUNCTION, "toolSchema": {"inlinePayload": _tools()}}}}
    _validate(
        "bedrock-agentcore-control",
        "CreateGatewayTarget",
        {"gatewayIdentifier": "gateway-0123456789", "name": "images", "targetConfiguration": configuration},
    )
    assert {tool["name"] for tool in _tools()} == set(TOOLS)


def test_the_gateway_knows_every_keyword_of_the_tools() -> None:
    """What its API does not know, it would refuse."""
    for tool in _tools():
        assert _keywords(tool["inputSchema"]) <= {"type", "properties", "required", "items", "description"}


def test_bedrock_agents_take_the_schema() -> None:
    schema = json.loads(ACTION_GROUP.read_text())
    OpenAPIV30SpecValidator(schema).validate()
    assert schema["openapi"] == "3.0.0"
    assert len(schema["paths"]) <= 11
    for path, (operation,) in ((path, list(item.values())) for path, item in schema["paths"].items()):
        assert (operation["operationId"], bool(operation["description"])) == (path.removeprefix("/"), True)
        for media in (operation["requestBody"], *operation["responses"].values()):
            known = {"type", "properties", "required", "items", "description"}
            assert _keywords(media["content"]["application/json"]["schema"]) <= known
    _validate(
        "bedrock-agent",
        "CreateAgentActionGroup",
        {
            "agentId": "AGENT12345",
            "agentVersion": "DRAFT",
            "actionGroupName": "images",
            "actionGroupExecutor": {"lambda": FUNCTION},
            "apiSchema": {"payload": json.dumps(schema)},
        },
    )


def _tools() -> list[dict[str, Any]]:
    return json.loads(TARGET_TOOLS.read_text())


def _keywords(schema: Mapping[str, Any]) -> set[str]:
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return set(schema).union(*map(_keywords, inner))


def _validate(service: str, operation: str, request: Mapping[str, Any]) -> None:
    """The request is one that AWS's own description of the service accepts."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
