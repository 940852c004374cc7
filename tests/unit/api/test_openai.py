"""OpenAI's Images API: its fields mean what they can mean here, its answers and errors look as its clients expect."""

import base64
from typing import Any

import pytest

from tests.fakes.bedrock import FakeBedrock, base64_png
from tests.fakes.bucket import FakeBucket
from tests.unit.conftest import Answer, Send

FOX = {"prompt": "a fox"}
PATH = "/v1/images/generations"


def create(send: Send, headers: dict[str, str] | None = None, **fields: Any) -> Answer:  # noqa: ANN401 - any field
    return send("POST", PATH, FOX | fields, **(headers or {}))


def codes(answer: Answer) -> list[str]:
    return [warning["code"] for warning in answer.json["warnings"]]


def test_the_answer_is_openais_and_says_more(send: Send, bucket: FakeBucket) -> None:
    answer = create(send, model="gpt-image-1", n=2, size="512x768")

    assert answer.status == 200
    body = answer.json
    assert body["created"] > 0
    assert [image["url"] for image in body["data"]] == [f"https://bucket.example/{image}" for image in bucket.objects]
    assert all(image["seed"] for image in body["data"])
    assert (body["size"], body["model"], body["cost_usd"]) == ("512x768", "amazon.titan-image-generator-v2:0", 0.02)
    assert body["warnings"] == []


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("gpt-image-1", "amazon.titan-image-generator-v2:0"),
        ("dall-e-3", "amazon.titan-image-generator-v2:0"),
        ("anything", "amazon.titan-image-generator-v2:0"),
        (None, "amazon.titan-image-generator-v2:0"),
        ("", "amazon.titan-image-generator-v2:0"),
        ("core", "stability.stable-image-core-v1:1"),
        ("stability.stable-image-ultra-v1:1", "stability.stable-image-ultra-v1:1"),
    ],
)
def test_names_of_ours_pin_and_others_do_not(send: Send, name: str | None, answers: str) -> None:
    assert create(send, model=name).json["model"] == answers


@pytest.mark.parametrize(
    ("quality", "ours"),
    [
        ("auto", "standard"),
        ("low", "standard"),
        ("medium", "standard"),
        ("standard", "standard"),
        ("high", "premium"),
        ("hd", "premium"),
        (None, "standard"),
    ],
)
def test_qualities_are_ours(send: Send, bedrock: FakeBedrock, quality: str | None, ours: str) -> None:
    create(send, quality=quality)
    assert bedrock.calls[0].body["imageGenerationConfig"]["quality"] == ours


@pytest.mark.parametrize(
    ("size", "made", "told"),
    [
        ("auto", "1024x1024", []),
        (None, "1024x1024", []),
        ("1024x1024", "1024x1024", []),
        ("512x1000", "512x1000", []),
        ("1536x1024", "1024x683", ["size_scaled"]),
        ("1024x1536", "683x1024", ["size_scaled"]),
        ("1792x1024", "1024x585", ["size_scaled"]),
        ("1024x1792", "585x1024", ["size_scaled"]),
    ],
)
def test_sizes_are_made_or_scaled_and_told(send: Send, size: str | None, made: str, told: list[str]) -> None:
    answer = create(send, size=size)
    assert (answer.json["size"], codes(answer)) == (made, told)


def test_extras_reach_the_model(send: Send, bedrock: FakeBedrock) -> None:
    answer = create(send, seed=7, negative_prompt="rain", cfg_scale=5)
    body = bedrock.calls[0].body
    assert body["textToImageParams"]["negativeText"] == "rain"
    assert (body["imageGenerationConfig"]["seed"], body["imageGenerationConfig"]["cfgScale"]) == (7, 5)
    assert answer.json["data"][0]["seed"] == 7


def test_what_we_do_not_know_is_ignored_with_a_warning(send: Send) -> None:
    answer = create(send, style="vivid", user="u1", background="transparent")
    assert answer.status == 200
    assert {warning["field"] for warning in answer.json["warnings"]} == {"style", "user", "background"}


def test_what_is_null_was_left_out(send: Send) -> None:
    answer = create(send, style=None, user=None, stream=None, output_format=None)
    assert (answer.status, answer.json["warnings"]) == (200, [])


@pytest.mark.parametrize("ignored", [{f"k{number}": 1 for number in range(33)}, {"k" * 65: 1}])
def test_more_than_can_be_told_of_is_refused(send: Send, bedrock: FakeBedrock, ignored: dict[str, Any]) -> None:
    answer = create(send, **ignored)
    assert (answer.status, answer.json["error"]["code"], len(answer.text) < 1000) == (400, "invalid_request", True)
    assert bedrock.calls == []


def test_base64_is_the_stored_picture(send: Send, bucket: FakeBucket) -> None:
    answer = create(send, response_format="b64_json")
    (png,) = bucket.objects.values()
    assert base64.b64decode(answer.json["data"][0]["b64_json"]) == png
    assert answer.json["data"][0]["url"] is None


@pytest.mark.parametrize(("n", "size"), [(2, "1024x1024"), (4, "auto"), (3, "768x768"), (4, "640x640")])
def test_base64_that_may_not_fit_is_refused_before_it_is_paid(
    send: Send, bedrock: FakeBedrock, n: int, size: str
) -> None:
    answer = create(send, response_format="b64_json", n=n, size=size)
    assert (answer.status, answer.json["error"]["param"]) == (400, "response_format")
    assert bedrock.calls == []


@pytest.mark.parametrize(("n", "size"), [(1, "1024x1024"), (4, "512x512")])
def test_base64_that_fits_is_delivered(send: Send, n: int, size: str) -> None:
    assert len(create(send, response_format="b64_json", n=n, size=size).json["data"]) == n


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0),
        ("n", 11),
        ("n", "1"),
        ("size", "1x1"),
        ("size", "banana"),
        ("size", "4096x4096"),
        ("size", "1024X1024"),
        ("size", "\u0665\u0661\u0662x512"),
        ("prompt", ""),
        ("prompt", "x" * 513),
        ("prompt", None),
        ("quality", "ultra"),
        ("response_format", "gif"),
        ("seed", -1),
        ("cfg_scale", 21),
        ("model", 7),
        ("stream", True),
    ],
)
def test_a_bad_value_is_refused_in_openais_shape(send: Send, bedrock: FakeBedrock, field: str, value: object) -> None:
    fields: dict[str, Any] = {field: value}
    answer = create(send, **fields)

    assert answer.status == 400
    error = answer.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", field, "invalid_request")
    assert answer.headers["x-should-retry"] == "false"
    assert bedrock.calls == []


@pytest.mark.parametrize("body", ["", "prompt=a+fox", "[]", "--boundary\r\ncontent-disposition: form-data"])
def test_what_is_no_json_is_refused_in_openais_shape(send: Send, body: str) -> None:
    answer = send("POST", PATH, body, content_type="multipart/form-data; boundary=boundary")
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_request")


ERRORS = [
    ("ValidationException", "blocked by our content filters", 400, "content_policy_violation", False),
    ("ThrottlingException", "", 429, "rate_limit_exceeded", True),
    ("AccessDeniedException", "", 500, "model_access_denied", False),
    ("ResourceNotFoundException", "", 503, "model_unavailable", False),
    ("ModelErrorException", "", 502, "model_error", True),
    ("ServiceUnavailableException", "", 503, "model_unavailable", True),
]


@pytest.mark.parametrize(("aws_error", "message", "status", "code", "retry"), ERRORS)
def test_errors_are_openais_and_say_whether_a_retry_helps(
    send: Send, bedrock: FakeBedrock, aws_error: str, message: str, status: int, code: str, retry: bool
) -> None:
    bedrock.refuse(aws_error, message)

    answer = create(send, model="titan")

    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert answer.json["error"]["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    assert ("x-should-retry" not in answer.headers) == retry
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", PATH, 405), ("POST", "/v1/chat/completions", 404), ("GET", "/v1", 404)]
)
def test_other_paths_and_methods_are_refused_in_openais_shape(send: Send, method: str, path: str, status: int) -> None:
    answer = send(method, path)
    assert answer.status == status
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("bucket_refuses", "answers_with", "status"),
    [
        (True, {"images": [base64_png(1024, 1024)]}, 503),
        (False, {"images": ["bm8gcG5n"]}, 502),
        (False, {"images": []}, 502),
    ],
    ids=["not kept", "no PNG", "no picture"],
)
def test_a_client_does_not_pay_again_by_itself_for_a_picture_that_is_lost(
    send: Send,
    bedrock: FakeBedrock,
    bucket: FakeBucket,
    bucket_refuses: bool,
    answers_with: dict[str, list[str]],
    status: int,
) -> None:
    bedrock.enqueue(answers_with)
    bucket.refusals += ["AccessDenied"] * 10 if bucket_refuses else []
    answer = create(send, model="titan")
    assert (answer.status, answer.headers["x-should-retry"]) == (status, "false")
    assert "retry-after" not in answer.headers


class TestABudgetThatIsUsedUp:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.000001"}

    def test_is_insufficient_quota(self, send: Send) -> None:
        answer = create(send)
        assert (answer.status, answer.json["error"]["code"]) == (402, "insufficient_quota")
        assert answer.headers["x-should-retry"] == "false"


def test_a_key_of_the_callers_own_replays(send: Send, bedrock: FakeBedrock) -> None:
    first, second = (create(send, {"idempotency_key": "k"}) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    assert [answer.headers.get("idempotent-replayed") for answer in (first, second)] == [None, "true"]
    assert len(bedrock.calls) == 1


def test_a_blocked_image_of_two_is_told(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {
        7: {"images": [base64_png(1216, 1216)], "seeds": [7], "finish_reasons": [None]},
        8: {"finish_reasons": ["Filter reason: output image"]},
    }
    answer = create(send, model="core", n=2, seed=7)
    assert len(answer.json["data"]) == 1
    assert codes(answer) == ["image_blocked"]


def test_the_models_are_listed(send: Send) -> None:
    answer = send("GET", "/v1/models")
    assert answer.json["object"] == "list"
    assert {"id": "stability.stable-image-core-v1:1", "object": "model", "created": 0, "owned_by": "stability"} in (
        answer.json["data"]
    )
