"""The OpenAPI document: true, committed, valid by somebody else's judgement; and the page that shows it."""

import gzip
import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import METHODS
from settings import Settings
from tests.unit.conftest import Send
from tests.unit.template import TEMPLATE

COMMITTED = TEMPLATE.parent / "docs" / "openapi.json"


@pytest.fixture
def document(send: Send) -> dict[str, Any]:
    answer = send("GET", "/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def test_the_committed_document_is_the_one_that_is_served(document: dict[str, Any]) -> None:
    assert json.loads(COMMITTED.read_text()) == document, "run `make docs`"


def test_an_independent_validator_accepts_it(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_it_announces_what_is_answered_and_nothing_else(document: dict[str, Any]) -> None:
    generate = document["paths"]["/generate"]["post"]
    assert set(generate["responses"]) >= {"200", "202", "400", "401", "413", "422", "429", "500", "502", "503", "504"}
    assert set(generate["responses"]["400"]["content"]) == {"application/problem+json"}
    assert "Retry-After" in generate["responses"]["429"]["headers"]
    assert "x-request-id" in generate["responses"]["200"]["headers"]
    assert "Location" in document["paths"]["/images/{image_id}.png"]["get"]["responses"]["302"]["headers"]


@pytest.mark.parametrize(("path", "error"), [("/generate", "Problem"), ("/v1/images/generations", "OpenAiErrorBody")])
def test_a_key_that_is_used_again_is_announced_as_it_is_answered(
    document: dict[str, Any], path: str, error: str
) -> None:
    responses = document["paths"][path]["post"]["responses"]
    (content,) = responses["422"]["content"].values()
    assert content["schema"] == {"$ref": f"#/components/schemas/{error}"}


def test_only_errors_before_the_authorizer_may_be_problems_on_openais_routes(document: dict[str, Any]) -> None:
    responses = document["paths"]["/v1/images/generations"]["post"]["responses"]
    openais = {"application/json": "#/components/schemas/OpenAiErrorBody"}
    problem = {"application/problem+json": "#/components/schemas/Problem"}
    for status, expected in {"401": openais, "429": openais, "504": openais, "default": openais | problem}.items():
        schemas = {kind: content["schema"]["$ref"] for kind, content in responses[status]["content"].items()}
        assert schemas == expected


def test_every_other_method_is_answered_with_the_announced_ones(document: dict[str, Any], send: Send) -> None:
    for path, operations in document["paths"].items():
        target = re.sub(r"\{.*?\}", "0ccb4f4e-8a3b-4a0c-9d61-3f1b3f0c9a11", path)
        announced = {method.upper() for method in operations}
        for method in set(METHODS) - announced:
            answer = send(method, target)
            assert (answer.status, set(answer.headers["allow"].split(", "))) == (405, announced), (method, path)


def test_an_answer_announces_the_requests_that_it_leads_to(document: dict[str, Any]) -> None:
    operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    answers = document["paths"]["/generate"]["post"]["responses"]
    assert set(answers["202"]["links"]) == {"getJob", "cancelJob", "getJobDeliveries"}
    assert answers["200"]["links"]["followImage"]["parameters"] == {"image_id": "$response.body#/details/0/id"}
    assert {link["operationId"] for link in answers["200"]["links"].values()} <= operations


def test_a_wrong_query_is_announced(document: dict[str, Any]) -> None:
    for path in ("/health", "/images", "/models"):
        assert "400" in document["paths"][path]["get"]["responses"]
    assert "422" not in document["paths"]["/images"]["get"]["responses"]


@pytest.mark.parametrize("path", ["/generate", "/v1/images/generations"])
def test_the_headers_that_are_read_are_announced(document: dict[str, Any], path: str) -> None:
    headers = {each["name"] for each in document["paths"][path]["post"]["parameters"] if each["in"] == "header"}
    assert headers == {"Idempotency-Key", "Prefer", "Cache-Control"}


def test_openais_optional_fields_may_be_null(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["ImagesRequest"]["properties"]
    may_be_null = {name for name, schema in fields.items() if {"type": "null"} in schema.get("anyOf", ())}
    assert may_be_null == set(fields) - {"prompt"}


def test_a_stream_is_announced(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/images/generations"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}


def test_everything_is_described(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation["description"] and tags >= set(operation["tags"]) for operation in operations)
    assert all(parameter["description"] for operation in operations for parameter in operation["parameters"])
    assert {name for name, schema in document["components"]["schemas"].items() if "description" not in schema} == set()
    fields = [
        (name, field, facts)
        for name, schema in document["components"]["schemas"].items()
        for field, facts in schema.get("properties", {}).items()
    ]
    assert [(name, field) for name, field, facts in fields if not {"description", "$ref"} & set(facts)] == []


def test_generators_can_name_what_it_holds(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert name.lower() not in schema.get("properties", ()), "a class that is called like its own field"
    assert "prefixItems" not in json.dumps(document)


def test_it_has_the_documented_limits_and_defaults(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["GenerateBody"]["properties"]
    assert (fields["width"]["minimum"], fields["width"]["maximum"], fields["width"]["default"]) == (512, 1024, 1024)
    assert (fields["number_of_images"]["minimum"], fields["number_of_images"]["maximum"]) == (1, 4)
    assert (fields["text"]["minLength"], fields["text"]["maxLength"]) == (1, 512)
    assert fields["seed"]["default"] == 42
    assert fields["quality"]["enum"] == ["standard", "premium"]


def test_only_health_is_open(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ({} in operation.get("security", [])) == (path == "/health")
    assert {} not in document["security"]


def test_the_page_shows_the_document(send: Send) -> None:
    answer = send("GET", "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = unpacked(answer.text)
    assert "SwaggerUIBundle" in page
    assert "Make images from a text" in page


@pytest.mark.parametrize("coding", [None, "identity", "gzip"])
def test_no_client_gets_the_page_as_large_as_it_is(send: Send, coding: str | None) -> None:
    headers = {"accept-encoding": coding} if coding else {}
    text = send("GET", "/docs", **headers).text
    assert len(unpacked(text)) > 1_500_000
    assert len(text.encode()) < 700_000


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_both_may_be_cached_and_are_what_they_say(send: Send, path: str) -> None:
    headers = send("GET", path).headers
    assert headers["cache-control"] == "public, max-age=3600"
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_runs_no_script_but_its_own_and_in_no_frame(send: Send) -> None:
    answer = send("GET", "/docs")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    (_, unpack), inside = scripts(answer.text), scripts(unpacked(answer.text))
    hashes = [b64encode(sha256(script.encode()).digest()).decode() for script in (unpack, *inside)]
    assert len(hashes) == 3
    assert policy == {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{digest}'" for digest in hashes),
        "style-src": "'unsafe-inline'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert (answer.headers["x-frame-options"], answer.headers["referrer-policy"]) == ("DENY", "no-referrer")


def unpacked(page: str) -> str:
    """The page inside this one, as a browser finds it."""
    return gzip.decompress(b64decode(scripts(page)[0])).decode()


def scripts(page: str) -> list[str]:
    found = Scripts()
    found.feed(page)
    return found.found


class Scripts(HTMLParser):
    """The inline scripts of a page, as a browser takes them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.found.append(data)


class TestTurnedOff:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"docs": False})

    @pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
    def test_nothing_is_there(self, send: Send, path: str) -> None:
        assert send("GET", path).status == 404
