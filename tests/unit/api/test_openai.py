"""OpenAI's Images API: its fields mean what they can mean here, its answers and errors look as its clients expect."""

import base64
import io
import json
import os
from functools import cache
from typing import Any

import pytest
from PIL import Image

from tests.fakes.bedrock import FakeBedrock, base64_png, png
from tests.fakes.bucket import FakeBucket
from tests.unit.conftest import Answer, Send
from tests.unit.doors import at_call

FOX = {"prompt": "a fox"}
PATH = "/v1/images/generations"


def create(send: Send, headers: dict[str, str] | None = None, **fields: Any) -> Answer:  # noqa: ANN401 - any field
    return send("POST", PATH, FOX | fields, **(headers or {}))


def codes(answer: Answer) -> list[str]:
    return [warning["code"] for warning in answer.json["warnings"]]


def test_the_answer_is_openais_and_says_more(send: Send, bucket: FakeBucket) -> None:
    answer = create(send, model="dall-e-3", n=2, size="512x768")

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
        ("gpt-image-2.5-flare", "amazon.titan-image-generator-v2:0"),
        ("dall-e-3", "amazon.titan-image-generator-v2:0"),
        ("anything", "amazon.titan-image-generator-v2:0"),
        (None, "amazon.titan-image-generator-v2:0"),
        ("", "amazon.titan-image-generator-v2:0"),
        ("core", "stability.stable-image-core-v1:1"),
        ("stability.stable-image-ultra-v1:1", "stability.stable-image-ultra-v1:1"),
    ],
)
def test_our_model_names_pin_and_others_do_not(send: Send, name: str | None, answers: str) -> None:
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
        ("xhigh", "premium"),
        ("max", "premium"),
        (None, "standard"),
    ],
)
def test_qualities_are_ours(send: Send, bedrock: FakeBedrock, quality: str | None, ours: str) -> None:
    create(send, quality=quality)
    assert bedrock.calls[0].body["imageGenerationConfig"]["quality"] == ours


SCALED = ["size_scaled"]


@pytest.mark.parametrize(
    ("model", "size", "made", "told"),
    [
        ("titan", "auto", "1024x1024", []),
        ("titan", None, "1024x1024", []),
        ("titan", "1024x1024", "1024x1024", []),
        ("titan", "512x1000", "512x1000", []),
        ("titan", "256x256", "256x256", []),
        ("titan", "1152x768", "1152x768", []),
        ("titan", "1536x1024", "1152x768", SCALED),
        ("titan", "2048x2048", "1024x1024", SCALED),
        ("core", "1536x1024", "1536x1024", []),
        ("core", "1024x1536", "1024x1536", []),
        ("core", "1792x1024", "1536x878", SCALED),
        ("core", "2048x2048", "1216x1216", SCALED),
        ("ultra", "1536x1024", "1216x811", SCALED),
        ("canvas", "1792x1024", "1792x1024", []),
        ("canvas", "3840x2160", "2702x1520", SCALED),
        ("canvas", "1200x3600", "1168x3504", SCALED),
    ],
)
def test_a_size_is_made_where_the_model_covers_it_and_scaled_with_a_warning_elsewhere(
    send: Send, bucket: FakeBucket, bedrock: FakeBedrock, model: str, size: str | None, made: str, told: list[str]
) -> None:
    bedrock.pixels = {"ultra": 1.0}.get(model, 1.5)
    answer = create(send, model=model, size=size)
    assert (answer.json["size"], codes(answer)) == (made, told)
    assert [warning["field"] for warning in answer.json["warnings"]] == ["size"] * len(told)
    (png,) = bucket.objects.values()
    assert "x".join(map(str, Image.open(io.BytesIO(png)).size)) == made


def test_an_exact_native_size_is_not_encoded_again(send: Send, bucket: FakeBucket) -> None:
    create(send, model="core", size="1536x1024")
    (stored,) = bucket.objects.values()
    assert stored.endswith(png(1536, 1024)[33:])


def test_what_is_scaled_is_not_enlarged_where_the_model_makes_less_than_expected(
    send: Send, bedrock: FakeBedrock
) -> None:
    bedrock.ratio_size = (1000, 1000)
    answer = create(send, model="core", size="2048x2048")
    assert (answer.json["size"], codes(answer)) == ("1000x1000", SCALED)


LONG = "a fox " * 100
LONGEST = "a fox, " * 1428 + "snow"


class TestALongPrompt:
    def test_goes_to_a_model_that_takes_it_with_a_warning(self, send: Send, bedrock: FakeBedrock) -> None:
        answer = create(send, prompt=LONG)
        assert (answer.json["model"], codes(answer)) == ("stability.stable-image-core-v1:1", ["model_fell_through"])
        assert "amazon.titan-image-generator-v2:0 takes at most 512 characters" in answer.json["warnings"][0]["detail"]
        (call,) = bedrock.calls
        assert call.body["prompt"] == LONG

    def test_may_have_ten_thousand_characters(self, send: Send, bedrock: FakeBedrock) -> None:
        assert len(LONGEST) == 10_000
        assert create(send, prompt=LONGEST).status == 200
        assert bedrock.calls[0].body["prompt"] == LONGEST

    @pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
    def test_is_refused_where_the_model_takes_less(self, send: Send, bedrock: FakeBedrock, field: str) -> None:
        fields: dict[str, Any] = {"model": "titan", field: LONG}
        answer = create(send, **fields)
        assert (answer.status, answer.json["error"]["param"], bedrock.calls) == (400, field, [])
        assert "at most 512 characters" in answer.json["error"]["message"]

    def test_a_negative_one_falls_back_too(self, send: Send) -> None:
        assert create(send, negative_prompt=LONG).json["model"] == "stability.stable-image-core-v1:1"

    def test_is_not_logged_as_a_fallback(self, send: Send, log: io.StringIO) -> None:
        create(send, prompt=LONG)
        assert "Fell back to the next model" not in log.getvalue()


@pytest.mark.parametrize(("model", "calls"), [("titan", 2), ("core", 10)])
def test_ten_images_are_made_in_parallel(send: Send, bedrock: FakeBedrock, model: str, calls: int) -> None:
    answer = create(send, model=model, n=10, seed=7)
    assert len({image["id"] for image in answer.json["data"]}) == 10
    assert len(bedrock.calls) == calls


def test_extras_reach_the_model(send: Send, bedrock: FakeBedrock) -> None:
    answer = create(send, seed=7, negative_prompt="rain", cfg_scale=5)
    body = bedrock.calls[0].body
    assert body["textToImageParams"]["negativeText"] == "rain"
    assert (body["imageGenerationConfig"]["seed"], body["imageGenerationConfig"]["cfgScale"]) == (7, 5)
    assert answer.json["data"][0]["seed"] == 7


def test_what_we_do_not_know_is_ignored_with_a_warning(send: Send) -> None:
    answer = create(send, style="vivid", user="u1", moderation="low", partial_images=2, output_compression=50)
    assert answer.status == 200
    told = {"style", "user", "moderation", "partial_images", "output_compression"}
    assert {warning["field"] for warning in answer.json["warnings"]} == told
    assert set(codes(answer)) == {"field_ignored"}


@pytest.mark.parametrize(
    "fields",
    [
        {"output_format": "png"},
        {"background": "auto"},
        {"background": "opaque"},
        {"moderation": "auto"},
        {"output_compression": 100},
        {"partial_images": 0},
        {"stream": False},
    ],
)
def test_what_happens_anyway_is_no_warning(send: Send, fields: dict[str, Any]) -> None:
    answer = create(send, **fields)
    assert (answer.status, answer.json["warnings"]) == (200, [])


def test_what_is_null_was_left_out(send: Send) -> None:
    names = ("style", "user", "stream", "output_format", "output_compression", "background", "partial_images", "n")
    answer = create(send, **dict.fromkeys(names))
    assert (answer.status, answer.json["warnings"]) == (200, [])


@pytest.mark.parametrize("ignored", [{f"k{number}": 1 for number in range(33)}, {"k" * 65: 1}])
def test_too_many_ignored_fields_are_refused(send: Send, bedrock: FakeBedrock, ignored: dict[str, Any]) -> None:
    answer = create(send, **ignored)
    assert (answer.status, answer.json["error"]["code"], len(answer.text) < 1000) == (400, "invalid_request", True)
    assert bedrock.calls == []


def test_base64_is_the_stored_picture(send: Send, bucket: FakeBucket) -> None:
    answer = create(send, response_format="b64_json")
    (png,) = bucket.objects.values()
    assert base64.b64decode(answer.json["data"][0]["b64_json"]) == png
    assert answer.json["data"][0]["url"] is None


@pytest.mark.parametrize(
    ("model", "response_format", "is_base64"),
    [
        ("gpt-image-2.5-flare", None, True),
        ("gpt-image-1-mini", None, True),
        ("chatgpt-image-latest", None, True),
        ("gpt-image-2", "url", False),
        ("gpt-image", None, False),
        ("dall-e-3", None, False),
        ("titan", None, False),
        (None, None, False),
        ("titan", "b64_json", True),
    ],
)
def test_base64_is_the_default_of_names_whose_models_answer_nothing_else(
    send: Send, model: str | None, response_format: str | None, is_base64: bool
) -> None:
    (image,) = create(send, model=model, response_format=response_format).json["data"]
    assert (image["b64_json"] is not None, image["url"] is not None) == (is_base64, not is_base64)


@cache
def noise(width: int, height: int) -> bytes:
    """What compresses least."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def decoded(image: dict[str, str]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image["b64_json"])))


@pytest.mark.parametrize(
    ("fields", "format_"),
    [
        ({}, "PNG"),
        ({"output_format": "png"}, "PNG"),
        ({"output_format": "jpeg"}, "JPEG"),
        ({"output_format": "webp", "output_compression": 50}, "WEBP"),
    ],
)
def test_base64_comes_in_the_format_that_was_asked_for(send: Send, fields: dict[str, Any], format_: str) -> None:
    answer = create(send, response_format="b64_json", **fields)
    (image,) = answer.json["data"]
    assert decoded(image).format == format_
    assert (answer.json["output_format"], answer.json["warnings"]) == (format_.lower(), [])


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"output_format": "jpeg"}, "full-q100.jpg"),
        ({"output_format": "webp", "output_compression": 80}, "full-q80.webp"),
    ],
)
def test_links_lead_to_files_in_the_format_that_was_asked_for(
    send: Send, bucket: FakeBucket, fields: dict[str, Any], name: str
) -> None:
    answer = create(send, n=2, **fields)
    links = [f"https://bucket.example/renditions/{image['id']}/{name}" for image in answer.json["data"]]
    assert [image["url"] for image in answer.json["data"]] == links
    files = [bucket.renditions[image["id"], name][0] for image in answer.json["data"]]
    assert {str(Image.open(io.BytesIO(file)).format).lower() for file in files} == {fields["output_format"]}
    assert (answer.json["output_format"], answer.json["warnings"]) == (fields["output_format"], [])


def test_another_format_of_the_same_request_is_a_replay(send: Send, bedrock: FakeBedrock) -> None:
    asked = {"response_format": "b64_json", "seed": 7}
    first = create(send, {"idempotency_key": "k"}, **asked)
    second = create(send, {"idempotency_key": "k"}, **asked, output_format="webp")
    assert [first.json["id"], second.headers["idempotent-replayed"]] == [second.json["id"], "true"]
    assert len(bedrock.calls) == 1


def test_a_compression_makes_smaller_files(send: Send, bedrock: FakeBedrock) -> None:
    picture = base64.b64encode(noise(512, 512)).decode()
    lengths = []
    for compression in (90, 20):
        bedrock.enqueue({"images": [picture], "error": None})
        fields: dict[str, Any] = {"output_format": "jpeg", "output_compression": compression, "size": "512x512"}
        (image,) = create(send, model="titan", response_format="b64_json", **fields).json["data"]
        lengths.append(len(image["b64_json"]))
    assert lengths[1] < lengths[0] / 2


@pytest.mark.parametrize(
    ("model", "size", "n", "stream", "output_format"),
    [
        ("titan", (1024, 1024), 5, False, "png"),
        ("titan", (1024, 1024), 5, True, "png"),
        ("titan", (1024, 1024), 10, False, "webp"),
        ("canvas", (2032, 2032), 10, False, "png"),
    ],
)
def test_what_is_too_long_for_one_answer_comes_as_jpeg_with_a_warning(
    send: Send, bedrock: FakeBedrock, model: str, size: tuple[int, int], n: int, stream: bool, output_format: str
) -> None:
    bedrock.enqueue(*[{"images": [base64.b64encode(noise(*size)).decode()] * 5, "error": None}] * (n // 5))
    asked: dict[str, Any] = {
        "model": model,
        "n": n,
        "output_format": output_format,
        "stream": stream,
    }
    answer = create(send, response_format="b64_json", size="{}x{}".format(*size), **asked)

    images = [event for _, event in events(answer)] if stream else answer.json["data"]
    assert [decoded(image).size for image in images] == [size] * n
    assert decoded(images[0]).format == "JPEG"
    warnings = images[0]["warnings"] if stream else answer.json["warnings"]
    assert [(warning["code"], warning["field"]) for warning in warnings] == [("output_compressed", "output_format")]
    assert len(json.dumps(answer.text)) < 6_000_000 + 291_456


@pytest.mark.parametrize("call", ["read_rendition", "put_rendition"])
def test_base64_comes_even_if_its_file_cannot_be_stored(send: Send, bucket: FakeBucket, call: str) -> None:
    with at_call(0, bucket, call, before=lambda: bucket.refusals.append("SlowDown")):
        (image,) = create(send, response_format="b64_json", output_format="webp").json["data"]
    assert (decoded(image).format, bucket.renditions) == ("WEBP", {})


def test_base64_that_cannot_be_read_back_is_told(send: Send, bucket: FakeBucket) -> None:
    with at_call(0, bucket, "read", before=lambda: bucket.refusals.append("SlowDown")):
        answer = create(send, response_format="b64_json")
    assert (answer.status, answer.json["error"]["code"]) == (503, "storage_failed")
    assert "response_format url" in answer.json["error"]["message"]


def test_as_much_as_fits_comes_unchanged(send: Send, bedrock: FakeBedrock, bucket: FakeBucket) -> None:
    bedrock.enqueue({"images": [base64.b64encode(noise(1024, 1024)).decode()], "error": None})
    (image,) = create(send, model="titan", response_format="b64_json").json["data"]
    assert base64.b64decode(image["b64_json"]) == next(iter(bucket.objects.values()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0),
        ("n", 11),
        ("n", "1"),
        ("size", "1x1"),
        ("size", "banana"),
        ("size", "4096x4096"),
        ("size", "3840x3840"),
        ("size", "3856x2160"),
        ("size", "1030x1030"),
        ("size", "2048x512"),
        ("size", "0x0"),
        ("size", "1024X1024"),
        ("size", "\u0665\u0661\u0662x512"),
        ("prompt", ""),
        ("prompt", "x" * 10_001),
        ("negative_prompt", "x" * 10_001),
        ("prompt", None),
        ("quality", "ultra"),
        ("response_format", "gif"),
        ("seed", -1),
        ("cfg_scale", 21),
        ("model", 7),
        ("stream", "yes"),
        ("partial_images", 4),
        ("output_format", "gif"),
        ("output_compression", 101),
        ("output_compression", -1),
        ("background", "transparent"),
        ("background", "blue"),
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
def test_invalid_json_is_refused_in_openais_shape(send: Send, body: str) -> None:
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


def test_a_refused_prompt_has_the_words_that_clients_look_for(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ValidationException", "blocked by our content filters")
    message = create(send).json["error"]["message"]
    assert message.startswith("Your request was rejected as a result of the safety system. ")


def test_a_wrong_quality_is_answered_with_the_allowed_ones(send: Send) -> None:
    message = create(send, quality="ultra").json["error"]["message"]
    assert all(f"'{quality}'" in message for quality in ("auto", "low", "medium", "standard", "high", "hd", "xhigh"))


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
    ("method", "path", "status"),
    [
        ("GET", PATH, 405),
        ("DELETE", "/v1/models/titan", 405),
        ("GET", "/v1/images/edits", 405),
        ("POST", "/v1/images/edits", 404),
        ("POST", "/v1/images/variations", 404),
        ("POST", "/v1/chat/completions", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/models/a\nb", 404),
        ("TRACE", PATH, 405),
    ],
)
def test_other_paths_and_methods_are_refused_in_openais_shape(send: Send, method: str, path: str, status: int) -> None:
    answer = send(method, path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(("path", "said"), [("edits", "cannot be edited"), ("variations", "Variations")])
def test_what_does_not_exist_yet_says_so(send: Send, path: str, said: str) -> None:
    answer = send("POST", f"/v1/images/{path}", "--b\r\n", content_type="multipart/form-data; boundary=b")
    assert said in answer.json["error"]["message"]


@pytest.mark.parametrize("name", ["stability.stable-image-core-v1:9", "amazon.titan-image-generator-v1", "stability."])
def test_an_unknown_name_that_looks_like_ours_is_not_found(send: Send, bedrock: FakeBedrock, name: str) -> None:
    answer = create(send, model=name)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert (answer.headers["x-should-retry"], bedrock.calls) == ("false", [])


def events(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    found = [event.split("\n") for event in answer.text.split("\n\n")[:-1]]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in found]


class TestAStream:
    def test_is_one_event_for_each_image(self, send: Send, bucket: FakeBucket) -> None:
        answer = create(send, stream=True, n=2, quality="hd")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        assert [name for name, _ in events(answer)] == ["image_generation.completed"] * 2
        first, second = (event for _, event in events(answer))
        assert [base64.b64decode(event["b64_json"]) for event in (first, second)] == [*bucket.objects.values()]
        assert (first["type"], first["size"], first["quality"]) == ("image_generation.completed", "1024x1024", "high")
        assert (first["background"], first["output_format"], first["usage"]["total_tokens"]) == ("opaque", "png", 0)

    def test_carries_base64_whatever_was_asked(self, send: Send) -> None:
        ((_, event),) = events(create(send, stream=True, response_format="url", partial_images=1))
        assert event["b64_json"]
        assert {warning["field"] for warning in event["warnings"]} == {"response_format", "partial_images"}

    def test_that_fails_is_an_error_like_any_other(self, send: Send, bedrock: FakeBedrock) -> None:
        bedrock.refuse("ThrottlingException")
        answer = create(send, stream=True, model="titan")
        assert (answer.status, answer.json["error"]["code"]) == (429, "rate_limit_exceeded")


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


class TestABudgetForNineImages:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.36"}

    @pytest.mark.parametrize(("n", "status"), [(10, 402), (9, 200)])
    def test_is_reserved_for_all_of_them(self, send: Send, bedrock: FakeBedrock, n: int, status: int) -> None:
        assert create(send, model="core", n=n).status == status
        assert len(bedrock.calls) == (n if status == 200 else 0)


def test_a_key_of_the_callers_own_replays(send: Send, bedrock: FakeBedrock) -> None:
    first, second = (create(send, {"idempotency_key": "k"}) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    assert [answer.headers.get("idempotent-replayed") for answer in (first, second)] == [None, "true"]
    assert len(bedrock.calls) == 1


def test_a_blocked_image_of_two_is_a_warning(send: Send, bedrock: FakeBedrock) -> None:
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


@pytest.mark.parametrize("name", ["core", "stability.stable-image-core-v1:1", "stability.stable-image-core-v1%3A1"])
def test_a_model_is_looked_up(send: Send, name: str) -> None:
    answer = send("GET", f"/v1/models/{name}")
    assert answer.json == {
        "id": "stability.stable-image-core-v1:1",
        "object": "model",
        "created": 0,
        "owned_by": "stability",
    }


@pytest.mark.parametrize("name", ["gpt-image-2", "stability.none", "a%0Ab"])
def test_a_model_that_is_not_ours_is_not_found(send: Send, name: str) -> None:
    answer = send("GET", f"/v1/models/{name}")
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
