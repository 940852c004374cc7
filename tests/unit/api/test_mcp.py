"""The Model Context Protocol, by its official types: every answer is one that they accept."""

import base64
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest
from mcp_types import JSONRPCError, JSONRPCResponse
from mcp_types.methods import validate_server_result
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from PIL import Image

from api.body import ImagesBody
from api.mcp import PREVIEW_BYTES, SUPPORTED, WITH_HANDSHAKE
from bootstrap import Services
from imaging.images.provenance import SOURCE_TYPE
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.queue import FakeQueue
from tests.unit.conftest import Answer, Send
from tests.unit.doors import work

TODAY = "2026-07-28"
NAMES = ("protocolVersion", "clientCapabilities", "serverInfo")
VERSION, CAPABILITIES, SERVER = (f"io.modelcontextprotocol/{name}" for name in NAMES)
FOX = {"text": "a fox", "model": "titan"}
ANOTHER = "fedcba9876543210"
TOOLS = ["generate_image", "get_job", "cancel_job", "list_models", "get_usage"]

Ask = Callable[..., Any]


@pytest.fixture
def worker(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job is done as soon as its message is sent."""
    send = queue.send

    def sent(text: str, owner: str) -> None:
        send(text, owner)
        work(queue.sent.pop())

    monkeypatch.setattr(queue, "send", sent)


def modern(method: str, params: Mapping[str, Any], version: str = TODAY) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of the current revision: its body and its headers."""
    meta = {VERSION: version, CAPABILITIES: {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    named = {"mcp_name": params["name"]} if method == "tools/call" else {}
    return body, {"mcp_protocol_version": version, "mcp_method": method, **named}


def legacy(method: str, params: Mapping[str, Any], version: str) -> tuple[dict[str, Any], dict[str, str]]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    is_named = version >= "2025-06-18" and method != "initialize"
    return body, {"mcp_protocol_version": version} if is_named else {}


@pytest.fixture(params=[*WITH_HANDSHAKE, TODAY])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(send: Send, version: str) -> Ask:
    """Sends a request of that revision, and returns its result, which the official types accept."""

    def ask(method: str, **params: Any) -> Any:  # noqa: ANN401 - any JSON
        body, headers = modern(method, params) if version == TODAY else legacy(method, params, version)
        answer = send("POST", "/mcp", body, **headers)
        assert answer.status == 200, answer.text
        result = JSONRPCResponse.model_validate(answer.json).result
        validate_server_result(method, version, result)
        return result

    return ask


def call(send: Send, tool: str, arguments: Mapping[str, Any], caller: str | None = None) -> Any:  # noqa: ANN401
    body, headers = modern("tools/call", {"name": tool, "arguments": arguments})
    answer = send("POST", "/mcp", body, **headers, **({"caller": caller} if caller else {}))
    assert answer.status == 200, answer.text
    return answer.json["result"]


def text(result: Mapping[str, Any]) -> str:
    return str(result["content"][0]["text"])


def refused(answer: Answer, status: int, code: int) -> Mapping[str, Any]:
    error = JSONRPCError.model_validate(answer.json).error
    assert (answer.status, error.code) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json["error"]


def test_the_revisions_are_those_of_the_official_types() -> None:
    assert sorted(SUPPORTED) == sorted(KNOWN_PROTOCOL_VERSIONS)


@pytest.mark.parametrize("version", [TODAY], indirect=True)
def test_a_client_of_today_discovers_the_server(ask: Ask) -> None:
    found = ask("server/discover")
    assert (found["supportedVersions"], found["capabilities"]) == (list(SUPPORTED), {"tools": {}})
    assert (found["resultType"], found["_meta"][SERVER]["name"]) == ("complete", "text-to-image-api")


@pytest.mark.parametrize("version", WITH_HANDSHAKE, indirect=True)
def test_a_client_of_an_earlier_revision_shakes_hands(send: Send, ask: Ask, version: str) -> None:
    asked = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    found = ask("initialize", **asked)
    assert (found["protocolVersion"], found["capabilities"]) == (version, {"tools": {}})
    assert ask("ping") == {}
    initialized = send("POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (initialized.status, initialized.text) == (202, "")
    assert "content-type" not in initialized.headers
    assert "mcp-session-id" not in initialized.headers


@pytest.mark.parametrize("wanted", ["2027-01-01", TODAY, "", "x"])
def test_a_handshake_of_an_unknown_version_is_answered_with_the_latest_that_has_one(send: Send, wanted: str) -> None:
    body, _ = legacy("initialize", {"protocolVersion": wanted}, "2025-11-25")
    assert send("POST", "/mcp", body).json["result"]["protocolVersion"] == "2025-11-25"


def test_the_tools_are_listed(ask: Ask, version: str) -> None:
    found = ask("tools/list")
    assert [tool["name"] for tool in found["tools"]] == TOOLS
    assert ("ttlMs" in found) == (version == TODAY)
    for tool in found["tools"]:
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"


def test_an_inputs_limits_are_the_models(ask: Ask) -> None:
    schema = ask("tools/list")["tools"][0]["inputSchema"]
    ours = ImagesBody.model_json_schema()["properties"]
    assert list(schema["properties"]) == [*ours, "idempotency_key", "wait_seconds"]
    assert (schema["required"], schema["additionalProperties"]) == (["text"], False)
    for name in ("width", "height", "number_of_images", "cfg_scale"):
        limits = ("minimum", "maximum", "default", "type", "description")
        assert [schema["properties"][name][limit] for limit in limits] == [ours[name][limit] for limit in limits]
    assert schema["properties"]["seed"]["anyOf"][1] == {"type": "null"}
    assert schema["properties"]["model"]["type"] == "string"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("width", "height", "shown"), [(1024, 1024, (512, 512)), (512, 1024, (256, 512)), (1024, 768, (512, 384))]
)
def test_an_image_comes_back_to_be_seen(
    ask: Ask, bucket: FakeBucket, width: int, height: int, shown: tuple[int, int]
) -> None:
    result = ask("tools/call", name="generate_image", arguments={**FOX, "width": width, "height": height})

    made, (_, preview) = result["structuredContent"], result["content"]
    assert (made["status"], made["next_step"], result["isError"]) == ("succeeded", None, False)
    assert json.loads(text(result)) == made
    (image,) = made["images"]
    (image_id,) = bucket.objects
    assert image["link"].endswith(f"/api/images/{image_id}.png")
    assert (image["url"], image["seed"]) == (f"https://bucket.example/{image_id}", 42)
    assert (made["model"], made["cost_usd"]) == ("amazon.titan-image-generator-v2:0", 0.01)
    data = base64.b64decode(preview["data"])
    assert (preview["type"], preview["mimeType"]) == ("image", "image/webp")
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size) == ("WEBP", shown)
    assert SOURCE_TYPE.encode() in data
    assert len(data) <= PREVIEW_BYTES


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_tool_returns_is_what_its_schema_says(send: Send, queue: FakeQueue, tool: str) -> None:
    job, two = (call(send, "generate_image", {**FOX, "seed": seed, "wait_seconds": 0}) for seed in (1, 2))
    work(queue.sent[1])
    arguments = {
        "generate_image": [FOX],
        "get_job": [{"id": made["structuredContent"]["id"]} for made in (job, two)],
        "cancel_job": [{"id": job["structuredContent"]["id"]}],
    }
    body, headers = modern("tools/list", {})
    listed = send("POST", "/mcp", body, **headers).json["result"]["tools"]
    (schema,) = (each["outputSchema"] for each in listed if each["name"] == tool)
    for each in arguments.get(tool, [{}]):
        jsonschema.validate(call(send, tool, each)["structuredContent"], schema)


@pytest.mark.usefixtures("worker")
def test_the_same_arguments_cost_nothing_again(send: Send, bedrock: FakeBedrock) -> None:
    first, second = (call(send, "generate_image", FOX) for _ in range(2))
    assert first["structuredContent"]["id"] == second["structuredContent"]["id"]
    assert first["content"][1] == second["content"][1]
    assert len(bedrock.calls) == 1


@pytest.mark.usefixtures("worker")
def test_a_key_brings_random_images_again_and_refuses_other_arguments(send: Send, bedrock: FakeBedrock) -> None:
    random = {**FOX, "seed": None, "idempotency_key": "a"}
    first, second = (call(send, "generate_image", random)["structuredContent"] for _ in range(2))
    assert first["id"] == second["id"]
    other = call(send, "generate_image", {**random, "text": "a hare"})
    assert (other["isError"], "code: key_reused" in text(other)) == (True, True)
    assert len(bedrock.calls) == 1


@pytest.mark.usefixtures("worker")
def test_http_and_tools_share_what_is_made(send: Send, bedrock: FakeBedrock) -> None:
    over_http = send("POST", "/generate", FOX).json
    assert call(send, "generate_image", FOX)["structuredContent"]["id"] == over_http["id"]
    assert len(bedrock.calls) == 1


def test_long_work_returns_the_job_and_says_how_to_look(send: Send, queue: FakeQueue, bedrock: FakeBedrock) -> None:
    begun = call(send, "generate_image", FOX)

    job = begun["structuredContent"]
    assert (job["status"], job["images"], job["cost_usd"], begun["isError"]) == ("queued", [], None, False)
    assert "Call get_job" in job["next_step"]
    assert len(begun["content"]) == 1

    assert work(queue.sent.pop())
    ended = call(send, "get_job", {"id": job["id"]})
    assert (ended["structuredContent"]["status"], len(ended["content"])) == ("succeeded", 2)
    assert len(bedrock.calls) == 1


def test_a_job_is_waited_for_as_long_as_the_gateway_allows(send: Send, services: Services) -> None:
    before = services.now()
    call(send, "generate_image", FOX)
    assert 24 < services.now() - before < 27
    before = services.now()
    call(send, "generate_image", {**FOX, "wait_seconds": 0})
    assert services.now() == before


def test_a_job_that_waits_says_why(send: Send, queue: FakeQueue, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ThrottlingException", times=9)
    job = call(send, "generate_image", {**FOX, "wait_seconds": 0})["structuredContent"]
    work(queue.sent.pop())
    assert "It waits: " in call(send, "get_job", {"id": job["id"], "wait_seconds": 0})["structuredContent"]["next_step"]


def test_a_queued_job_is_cancelled_and_an_ended_one_is_not(send: Send, queue: FakeQueue) -> None:
    job = call(send, "generate_image", {**FOX, "wait_seconds": 0})["structuredContent"]
    cancelled = call(send, "cancel_job", {"id": job["id"]})["structuredContent"]
    assert (cancelled["status"], cancelled["next_step"]) == ("cancelled", None)

    other = call(send, "generate_image", {**FOX, "seed": 7, "wait_seconds": 0})["structuredContent"]
    work(queue.sent.pop())
    assert "code: not_cancellable" in text(call(send, "cancel_job", {"id": other["id"]}))


@pytest.mark.parametrize("tool", ["get_job", "cancel_job"])
def test_another_callers_job_is_not_there(send: Send, tool: str) -> None:
    job = call(send, "generate_image", {**FOX, "wait_seconds": 0})["structuredContent"]
    answer = call(send, tool, {"id": job["id"]}, caller=ANOTHER)
    assert (answer["isError"], "code: not_found" in text(answer)) == (True, True)


@pytest.mark.usefixtures("worker")
def test_a_blocked_prompt_is_a_tool_error_with_the_remedy(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.enqueue({"images": [], "error": "blocked by our content filters"})
    answer = call(send, "generate_image", FOX)
    assert answer["isError"]
    assert "try another seed" in text(answer)
    assert "structuredContent" not in answer


@pytest.mark.usefixtures("worker")
def test_what_was_blocked_is_beside_what_was_made(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed[43] = {"finish_reasons": ["Filter reason: prompt"], "images": [], "seeds": []}
    answer = call(send, "generate_image", {"text": "a fox", "model": "core", "number_of_images": 2})
    assert [image["status"] for image in answer["structuredContent"]["images"]] == ["stored", "blocked"]
    assert [block["type"] for block in answer["content"]] == ["text", "image"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "text"),
        ({**FOX, "width": "1024"}, "width"),
        ({**FOX, "width": 5000}, "width"),
        ({**FOX, "style": "oil"}, "style: There is no such field"),
        ({**FOX, "wait_seconds": 26}, "wait_seconds"),
        ({**FOX, "idempotency_key": "é"}, "idempotency_key"),
        ({**FOX, "idempotency_key": ""}, "idempotency_key"),
        ({**FOX, "model": "dall-e"}, "there is no such model"),
        ({"text": "secret" * 500}, "text"),
    ],
)
def test_arguments_that_do_not_fit_are_a_tool_error_that_names_the_rule(
    send: Send, bedrock: FakeBedrock, arguments: Mapping[str, Any], said: str
) -> None:
    answer = call(send, "generate_image", arguments)
    assert answer["isError"]
    assert said in text(answer)
    assert "code: invalid_request" in text(answer)
    assert "secret" not in text(answer)
    assert bedrock.calls == []


@pytest.mark.parametrize("arguments", [{"month": "2026-13"}, {"month": 5}, {"day": 1}])
def test_usage_of_no_month_is_a_tool_error(send: Send, arguments: Mapping[str, Any]) -> None:
    assert call(send, "get_usage", arguments)["isError"]


@pytest.mark.usefixtures("worker")
def test_usage_and_prices_are_told(send: Send) -> None:
    call(send, "generate_image", FOX)
    assert call(send, "get_usage", {})["structuredContent"]["spent_usd"] == 0.01
    models = call(send, "list_models", {"width": 512, "height": 512})["structuredContent"]["models"]
    assert next(model["price_usd"] for model in models if "titan" in model["aliases"]) == 0.008


@pytest.mark.usefixtures("worker")
def test_an_image_that_cannot_be_shown_is_told_of(
    send: Send, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(services.renditions), "preview", lambda *_: None)
    answer = call(send, "generate_image", FOX)
    assert [block["type"] for block in answer["content"]] == ["text"]
    assert [warning["code"] for warning in answer["structuredContent"]["warnings"]] == ["preview_missing"]


@pytest.mark.usefixtures("worker")
def test_a_bug_is_a_tool_error_that_says_nothing_of_the_prompt(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise TypeError("secret prompt")

    monkeypatch.setattr("api.tools.answer", stumble)
    answer = call(send, "generate_image", FOX)
    assert "code: internal_error" in text(answer)
    assert "secret" not in text(answer)


@pytest.mark.parametrize(
    ("method", "params"),
    [("tools/unknown", {}), ("resources/list", {}), ("initialize", {}), ("ping", {}), ("subscriptions/listen", {})],
)
def test_an_unknown_method_is_told_which_there_are(send: Send, method: str, params: Mapping[str, Any]) -> None:
    body, headers = modern(method, params)
    assert "tools/call" in refused(send("POST", "/mcp", body, **headers), 404, -32601)["message"]


def test_a_client_of_an_earlier_revision_reads_it_from_a_200(send: Send) -> None:
    body, headers = legacy("resources/list", {}, "2025-06-18")
    refused(send("POST", "/mcp", body, **headers), 200, -32601)


@pytest.mark.parametrize("params", [{"name": "paint"}, {"name": 5}, {"name": "get_usage", "arguments": []}])
def test_an_unknown_tool_is_a_protocol_error(send: Send, params: Mapping[str, Any]) -> None:
    body, headers = modern("tools/call", params)
    if isinstance(params["name"], str):
        refused(send("POST", "/mcp", body, **headers), 400, -32602)
    body, headers = legacy("tools/call", params, "2025-11-25")
    refused(send("POST", "/mcp", body, **headers), 200, -32602)


@pytest.mark.parametrize("params", [{}, {"arguments": None}, {"arguments": {}}])
def test_a_tool_that_needs_no_arguments_is_called_without(send: Send, params: Mapping[str, Any]) -> None:
    body, headers = modern("tools/call", {"name": "get_usage", **params})
    assert not send("POST", "/mcp", body, **headers).json["result"]["isError"]


def test_a_notification_makes_nothing(send: Send, queue: FakeQueue, bedrock: FakeBedrock) -> None:
    message = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "generate_image", "arguments": FOX}}
    answer = send("POST", "/mcp", message)
    assert (answer.status, answer.text) == (202, "")
    assert (queue.sent, bedrock.calls) == ([], [])


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream", "text/html"])
def test_the_answer_is_json_whatever_the_client_accepts(send: Send, accept: str) -> None:
    body, headers = modern("tools/list", {})
    answer = send("POST", "/mcp", body, accept=accept, **headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


def test_a_page_of_tools_that_there_is_not(send: Send) -> None:
    body, headers = modern("tools/list", {"cursor": "2"})
    refused(send("POST", "/mcp", body, **headers), 400, -32602)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("[" * 10_000, -32700),
        ("5", -32600),
        ("[]", -32600),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        ("{}", -32600),
        ('{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1e400, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": "%s", "method": "ping"}' % ("x" * 257), -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
    ],
)
def test_what_is_no_message_is_refused(send: Send, body: str, code: int) -> None:
    refused(send("POST", "/mcp", body), 400, code)


def test_a_batch_is_told_to_come_one_by_one(send: Send) -> None:
    assert "Batches" in refused(send("POST", "/mcp", "[]"), 400, -32600)["message"]


def test_a_huge_body_is_refused_without_being_repeated(send: Send, bedrock: FakeBedrock) -> None:
    body, headers = modern("tools/call", {"name": "generate_image", "arguments": {"text": "secret" * 900_000}})
    answer = send("POST", "/mcp", body, **headers)
    assert answer.json["result"]["isError"]
    assert len(answer.text) < 1000
    assert bedrock.calls == []


@pytest.mark.parametrize("identifier", [0, -1, 2**70, "", "x" * 256])
def test_an_answer_has_the_id_of_its_request(send: Send, identifier: object) -> None:
    answer = send("POST", "/mcp", {"jsonrpc": "2.0", "id": identifier, "method": "ping"})
    assert answer.json == {"jsonrpc": "2.0", "id": identifier, "result": {}}


@pytest.mark.parametrize("version", ["2027-01-01", "2024-01-01", "x" * 5000])
def test_a_version_that_is_not_supported_is_told_which_are(send: Send, version: str) -> None:
    body, headers = modern("tools/list", {}, version)
    error = refused(send("POST", "/mcp", body, **headers), 400, -32022)
    assert (error["data"]["supported"], len(error["data"]["requested"]) <= 100) == (list(SUPPORTED), True)
    body, _ = legacy("tools/list", {}, "")
    refused(send("POST", "/mcp", body, mcp_protocol_version=version), 400, -32022)


@pytest.mark.parametrize("missing", [VERSION, CAPABILITIES])
def test_a_request_of_today_must_say_what_is_compulsory(send: Send, missing: str) -> None:
    body, headers = modern("tools/list", {})
    del body["params"]["_meta"][missing]
    assert missing in refused(send("POST", "/mcp", body, **headers), 400, -32602)["message"]


@pytest.mark.parametrize("name", ["mcp_protocol_version", "mcp_method", "mcp_name"])
@pytest.mark.parametrize("value", [None, "2025-11-25", "=?base64?%?="])
def test_headers_that_contradict_the_body_are_refused(send: Send, name: str, value: str | None) -> None:
    body, headers = modern("tools/call", {"name": "get_usage", "arguments": {}})
    changed = {**headers, name: value} if value else {key: each for key, each in headers.items() if key != name}
    refused(send("POST", "/mcp", body, **changed), 400, -32020)


def test_a_header_in_base64_is_the_same(send: Send) -> None:
    body, headers = modern("tools/call", {"name": "get_usage", "arguments": {}})
    encoded = base64.b64encode(b"get_usage").decode()
    assert send("POST", "/mcp", body, **{**headers, "mcp_name": f"=?base64?{encoded}?="}).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/event-stream"])
def test_another_content_type_is_refused(send: Send, content_type: str) -> None:
    body, headers = modern("tools/list", {})
    refused(send("POST", "/mcp", body, content_type=content_type, **headers), 415, -32600)


def test_json_may_name_its_charset(send: Send) -> None:
    body, headers = modern("tools/list", {})
    assert send("POST", "/mcp", body, content_type="application/json; charset=utf-8", **headers).status == 200


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_neither_streams_nor_sessions(send: Send, method: str) -> None:
    answer = send(method, "/mcp")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


class TestOrigins:
    """MCP demands that a page's origin is looked at, whatever the key."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"CORS_ORIGINS": "https://app.example"}

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://app.example", 200),
            ("https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com", 200),
            ("https://evil.example", 403),
            ("null", 403),
            ("", 403),
        ],
    )
    def test_only_listed_pages_and_the_apis_own_may_call(self, send: Send, origin: str, status: int) -> None:
        body, headers = modern("tools/list", {})
        answer = send("POST", "/mcp", body, origin=origin, **headers)
        assert answer.status == status
        if status == 403:
            assert "CorsOrigins" in refused(answer, 403, -32600)["message"]
