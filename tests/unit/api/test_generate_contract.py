"""POST /generate: every field, limit, default and response key of the documented contract."""

import base64
import json
from typing import Any

import pytest

from imaging.models.catalog import MODELS
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.lambda_runtime import FakeContext, event, http_event
from tests.unit.conftest import Send
from version import VERSION

DOCUMENTED = {
    "text": "A beautiful sunset over the ocean",
    "width": 1024,
    "height": 1024,
    "number_of_images": 1,
    "cfg_scale": 8,
    "seed": 42,
    "quality": "standard",
}


def test_the_documented_request_brings_the_documented_answer(send: Send, bucket: FakeBucket) -> None:
    answer = send("POST", "/generate", DOCUMENTED)

    body = answer.json
    (image_id,) = bucket.objects
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert body["message"] == "Images generated successfully"
    assert body["images"] == [f"https://bucket.example/{image_id}"]
    assert body["local_path"] == "generated_images"


def test_the_answer_describes_the_real_image(send: Send, bucket: FakeBucket) -> None:
    body = send("POST", "/generate", DOCUMENTED).json

    (image_id,) = bucket.objects
    assert body["model"] == "amazon.titan-image-generator-v2:0"
    assert body["cost_usd"] == 0.01
    assert body["warnings"] == []
    assert body["details"] == [
        {
            "id": image_id,
            "status": "stored",
            "url": body["images"][0],
            "link": f"https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/api/images/{image_id}.png",
            "caption": "Image 1 of 1",
            "width": 1024,
            "height": 1024,
            "native_width": 1024,
            "native_height": 1024,
            "seed": 42,
            "seed_index": 0,
            "bytes": len(bucket.objects[image_id]),
        }
    ]


def test_what_is_left_out_takes_the_documented_defaults(send: Send, bedrock: FakeBedrock) -> None:
    send("POST", "/generate", {"text": "a fox"})

    assert bedrock.calls[0].body == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a fox"},
        "imageGenerationConfig": {
            "quality": "standard",
            "numberOfImages": 1,
            "cfgScale": 8,
            "seed": 42,
            "width": 1024,
            "height": 1024,
        },
    }


def test_every_answer_carries_the_request_id(send: Send) -> None:
    request_id = event("api-gateway")["requestContext"]["requestId"]
    assert send("POST", "/generate", DOCUMENTED).headers["x-request-id"] == request_id
    assert send("POST", "/generate", {}).headers["x-request-id"] == request_id
    assert send("GET", "/nowhere").json["request_id"] == request_id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "é" * 512),
        ("text", "🦊 एक लोमड़ी 狐 ثعلب"),
        ("text", "👩‍👩‍👧 a family"),
        ("width", 512),
        ("width", 512.0),
        ("height", 1024),
        ("number_of_images", 4),
        ("number_of_images", 4.0),
        ("cfg_scale", 1),
        ("cfg_scale", 20),
        ("cfg_scale", 7.5),
        ("seed", 0),
        ("seed", 2147483646),
        ("seed", None),
        ("quality", "premium"),
        ("negative_text", "rain"),
        ("negative_text", None),
        ("model", "core"),
        ("model", None),
        *[("model", model) for model in MODELS],
    ],
)
def test_each_value_within_the_limits_is_accepted(send: Send, field: str, value: object) -> None:
    assert send("POST", "/generate", {"text": "a fox", field: value}).status == 200


def test_line_breaks_and_tabs_become_spaces(send: Send, bedrock: FakeBedrock) -> None:
    send("POST", "/generate", {"text": "a\nfox\r\nin\tsnow"})
    assert bedrock.calls[0].body["textToImageParams"] == {"text": "a fox  in snow"}


BAD_VALUES: list[tuple[str, Any]] = [
    ("text", ""),
    ("text", " \n\t "),
    ("text", "\u3000"),
    ("text", "x" * 513),
    ("text", "x" * 200_000),
    ("text", "bell \x07"),
    ("text", "nul \x00"),
    ("text", "c1 \x85"),
    ("text", 7),
    ("text", None),
    ("text", ["a fox"]),
    ("width", 511),
    ("width", 1025),
    ("width", "big"),
    ("width", "1024"),
    ("width", 512.5),
    ("width", True),
    ("width", None),
    ("width", 10**30),
    ("height", 511),
    ("height", 1025),
    ("height", "1024"),
    ("number_of_images", 0),
    ("number_of_images", 5),
    ("number_of_images", "1"),
    ("number_of_images", False),
    ("cfg_scale", 0.9),
    ("cfg_scale", 21),
    ("cfg_scale", "8"),
    ("cfg_scale", True),
    ("cfg_scale", float("nan")),
    ("cfg_scale", float("inf")),
    ("seed", -1),
    ("seed", 2147483647),
    ("seed", "42"),
    ("seed", 1.5),
    ("quality", "ultra"),
    ("quality", ""),
    ("quality", None),
    ("negative_text", ""),
    ("negative_text", "x" * 513),
    ("negative_text", "\x1b[31m"),
    ("model", "gpt-image-1"),
    ("model", ""),
    ("style", "anime"),
    ("idempotency_key", "k"),
]


@pytest.mark.parametrize(("field", "value"), BAD_VALUES, ids=lambda value: repr(value)[:30])
def test_a_bad_value_is_refused_by_name(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, field: str, value: object
) -> None:
    answer = send("POST", "/generate", {"text": "a fox", field: value})

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["code"] == "invalid_request"
    assert answer.json["title"] == "Bad Request"
    assert answer.json["instance"] == "/generate"
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert answer.json["errors"][0]["message"] in answer.json["detail"]
    assert "Traceback" not in answer.text
    assert (bedrock.calls, bucket.objects) == ([], {})


def test_every_broken_rule_is_reported_at_once(send: Send) -> None:
    answer = send("POST", "/generate", {"width": 1, "seed": -1, "colour": "red"})
    assert {error["field"] for error in answer.json["errors"]} == {"text", "width", "seed", "colour"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "a fox",
        "[]",
        "null",
        '"a fox"',
        '[{"text": "a fox"}]',
        '{"text": "a fox"',
        '{"text": "\\ud800"}',
        '{"text": "a fox", "seed": ' + "9" * 5000 + "}",
        "[" * 5000 + "]" * 5000,
        '{"text": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
    ids=lambda body: repr(body)[:20],
)
def test_a_body_that_is_not_a_json_object_is_refused(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, body: str | None
) -> None:
    answer = send("POST", "/generate", body)

    assert answer.status == 400
    assert answer.json["code"] == "invalid_request"
    assert "JSON" in answer.json["detail"]
    assert (bedrock.calls, bucket.objects) == ([], {})


@pytest.mark.parametrize("label", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
def test_the_bodys_label_does_not_matter(send: Send, label: str) -> None:
    assert send("POST", "/generate", DOCUMENTED, content_type=label).status == 200
    assert send("POST", "/generate", "text=a+fox", content_type=label).status == 400


def test_a_body_in_base64_is_read(send: Send) -> None:  # noqa: ARG001 - puts the fakes in place
    from api.app import lambda_handler  # noqa: PLC0415 - after the fakes

    encoded = base64.b64encode(json.dumps(DOCUMENTED).encode()).decode()
    answer = lambda_handler(http_event("POST", "/generate", encoded) | {"isBase64Encoded": True}, FakeContext())
    assert answer["statusCode"] == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_wrong_method_is_answered_with_the_allowed_one(send: Send, method: str) -> None:
    answer = send(method, "/generate")
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/nowhere", "/generate/more", "/Generate", "/../generate"])
def test_an_unknown_path_is_not_found(send: Send, path: str) -> None:
    answer = send("POST", path, DOCUMENTED)
    assert answer.status == 404
    assert answer.json["code"] == "not_found"


def test_a_custom_domain_with_a_base_path_leads_to_the_same_routes(send: Send, bucket: FakeBucket) -> None:  # noqa: ARG001
    from api.app import lambda_handler  # noqa: PLC0415 - after the fakes

    request = http_event("POST", "/generate", json.dumps(DOCUMENTED))
    called = {"path": "/v7/generate", "domainName": "images.example"}
    request |= {"path": "/v7/generate", "requestContext": request["requestContext"] | called}
    answer = lambda_handler(request, FakeContext())

    (image_id,) = bucket.objects
    link = json.loads(answer["body"])["details"][0]["link"]
    assert link == f"https://images.example/v7/images/{image_id}.png"


def test_health_answers(send: Send) -> None:
    answer = send("GET", "/health")
    assert (answer.status, answer.json) == (200, {"status": "ok", "version": VERSION})


@pytest.mark.parametrize("unknown", [{f"k{number}": 1 for number in range(50_000)}, {"k" * 3_000_000: 1}])
def test_a_refusal_stays_short_however_much_is_wrong(send: Send, unknown: dict[str, int]) -> None:
    answer = send("POST", "/generate", {"text": "a fox"} | unknown)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert len(answer.text) < 10_000
