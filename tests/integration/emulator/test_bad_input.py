"""Refusals of the models, with their messages."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.emulator.front_door import (
    CANVAS,
    CORE,
    EVERY_MODEL,
    SD3_5,
    STABILITY,
    TITAN,
    ULTRA,
    Emulator,
    smallest,
)

MALFORMED = "Malformed input request: {}, please reformat your input and try again."
NOT_JSON = "Malformed input request, please reformat your input and try again."
CONFIG = "#/imageGenerationConfig"
TEXT = "#/textToImageParams/text"
ONLY_TEXT = "This emulator only makes images from text: {} is not emulated."


def _refusal(emulator: Emulator, model: str, body: object) -> ClientError:
    with pytest.raises(ClientError) as refused:
        emulator.invoke(model, body)
    (call,) = emulator.calls()
    assert (call["status"], call["images"]) == (400, 0)
    assert type(refused.value).__name__ == "ValidationException"
    return refused.value


def _message(emulator: Emulator, model: str, body: object) -> str:
    return _refusal(emulator, model, body).response["Error"]["Message"]


CONFIG_FAULTS = [
    ("numberOfImages", 0, "0 is not greater or equal to 1"),
    ("numberOfImages", 6, "6 is not less or equal to 5"),
    ("numberOfImages", "2", "expected type: Integer, found: String"),
    ("numberOfImages", 2.0, "expected type: Integer, found: BigDecimal"),
    ("numberOfImages", True, "expected type: Integer, found: Boolean"),
    ("numberOfImages", None, "expected type: Integer, found: Null"),
    ("cfgScale", 1.0, "1.0 is not greater or equal to 1.1"),
    ("cfgScale", 10.1, "10.1 is not less or equal to 10.0"),
    ("cfgScale", "8", "expected type: Number, found: String"),
    ("cfgScale", False, "expected type: Number, found: Boolean"),
    ("seed", -1, "-1 is not greater or equal to 0"),
    ("seed", 2_147_483_647, "2147483647 is not less or equal to 2147483646"),
    ("seed", 1.5, "expected type: Integer, found: BigDecimal"),
    ("seed", 10**30, f"{10**30} is not less or equal to 2147483646"),
    ("quality", "ultra", "ultra is not a valid enum value"),
    ("quality", 1, "expected type: String, found: Integer"),
    ("width", "512", "expected type: Integer, found: String"),
    ("height", [512], "expected type: Integer, found: JSONArray"),
    ("height", {}, "expected type: Integer, found: JSONObject"),
]


@pytest.mark.parametrize("model", [TITAN, CANVAS])
@pytest.mark.parametrize(("key", "value", "fault"), CONFIG_FAULTS)
def test_a_setting_out_of_its_range_or_type(
    emulator: Emulator, model: str, key: str, value: object, fault: str
) -> None:
    settings: dict[str, Any] = {key: value}
    message = _message(emulator, model, smallest(model, **settings))
    assert message == MALFORMED.format(f"{CONFIG}/{key}: {fault}")


def _edited(model: str, edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    body = smallest(model)
    edit(body)
    return body


BODY_FAULTS = [
    (lambda b: b.pop("taskType"), "#: required key [taskType] not found"),
    (lambda b: b.pop("textToImageParams"), "#: required key [textToImageParams] not found"),
    (lambda b: b.update(taskType="PAINT"), "#/taskType: PAINT is not a valid enum value"),
    (lambda b: b.update(taskType=1), "#/taskType: expected type: String, found: Integer"),
    (lambda b: b.update(prompt="a cat"), "#: extraneous key [prompt] is not permitted"),
    (lambda b: b.update(inPaintingParams={}), "#: extraneous key [inPaintingParams] is not permitted"),
    (lambda b: b.update(textToImageParams=[]), "#/textToImageParams: expected type: JSONObject, found: JSONArray"),
    (lambda b: b.update(imageGenerationConfig=None), f"{CONFIG}: expected type: JSONObject, found: Null"),
    (lambda b: b["imageGenerationConfig"].update(steps=3), f"{CONFIG}: extraneous key [steps] is not permitted"),
    (lambda b: b["textToImageParams"].pop("text"), "#/textToImageParams: required key [text] not found"),
    (lambda b: b["textToImageParams"].update(text=""), f"{TEXT}: expected minLength: 1, actual: 0"),
    (lambda b: b["textToImageParams"].update(text=7), f"{TEXT}: expected type: String, found: Integer"),
    (lambda b: b["textToImageParams"].update(text=None), f"{TEXT}: expected type: String, found: Null"),
    (lambda b: b["textToImageParams"].update(seed=1), "#/textToImageParams: extraneous key [seed] is not permitted"),
    (
        lambda b: b["textToImageParams"].update(controlMode="CANNY_EDGE"),
        "#/textToImageParams: required key [conditionImage] not found",
    ),
    (
        lambda b: b["textToImageParams"].update(controlStrength=2),
        "#/textToImageParams/controlStrength: 2 is not less or equal to 1",
    ),
    (
        lambda b: b.update(x=1, imageGenerationConfig={"seed": -1}),
        f"#: extraneous key [x] is not permitted{CONFIG}/seed: -1 is not greater or equal to 0",
    ),
]


@pytest.mark.parametrize("model", [TITAN, CANVAS])
@pytest.mark.parametrize(("edit", "fault"), BODY_FAULTS, ids=[fault for _, fault in BODY_FAULTS])
def test_a_body_that_does_not_match_the_schema(
    emulator: Emulator, model: str, edit: Callable[[dict[str, Any]], object], fault: str
) -> None:
    assert _message(emulator, model, _edited(model, edit)) == MALFORMED.format(fault)


@pytest.mark.parametrize("key", ["text", "negativeText"])
@pytest.mark.parametrize(("model", "limit"), [(TITAN, 512), (CANVAS, 1024)])
def test_a_text_over_the_limit_of_its_model(emulator: Emulator, model: str, limit: int, key: str) -> None:
    body = _edited(model, lambda b: b["textToImageParams"].update({key: "x" * (limit + 24)}))
    fault = f"#/textToImageParams/{key}: expected maxLength: {limit}, actual: {limit + 24}"
    assert _message(emulator, model, body) == MALFORMED.format(fault)


def test_only_canvas_has_a_style(emulator: Emulator) -> None:
    body = _edited(TITAN, lambda b: b["textToImageParams"].update(style="PHOTOREALISM"))
    fault = "#/textToImageParams: extraneous key [style] is not permitted"
    assert _message(emulator, TITAN, body) == MALFORMED.format(fault)


def test_canvas_refuses_unknown_styles(emulator: Emulator) -> None:
    body = _edited(CANVAS, lambda b: b["textToImageParams"].update(style="CUBISM"))
    fault = "#/textToImageParams/style: CUBISM is not a valid enum value"
    assert _message(emulator, CANVAS, body) == MALFORMED.format(fault)


@pytest.mark.parametrize(
    "size", [(1000, 1000), (640, 1152), (1024, 512), (1172, 640), (640, 1173), (1408, 1408), (16, 16)]
)
def test_titan_refuses_sizes_outside_its_table(emulator: Emulator, size: tuple[int, int]) -> None:
    message = _message(emulator, TITAN, smallest(TITAN, width=size[0], height=size[1]))
    fault = f"{CONFIG}: width x height {size[0]}x{size[1]} is not a valid enum value"
    assert message == MALFORMED.format(fault)


@pytest.mark.parametrize(
    ("width", "height", "fault"),
    [
        (304, 512, f"{CONFIG}/width: 304 is not greater or equal to 320"),
        (512, 4112, f"{CONFIG}/height: 4112 is not less or equal to 4096"),
        (1000, 1024, f"{CONFIG}/width: 1000 is not a multiple of 16"),
        (320, 1296, f"{CONFIG}: aspect ratio 320:1296 is not between 1:4 and 4:1"),
        (1296, 320, f"{CONFIG}: aspect ratio 1296:320 is not between 1:4 and 4:1"),
        (2048, 2048, f"{CONFIG}: 4194304 pixels is not less than 4194304"),
        (4096, 1040, f"{CONFIG}: 4259840 pixels is not less than 4194304"),
    ],
)
def test_canvas_limits_sides_steps_ratio_and_pixels(emulator: Emulator, width: int, height: int, fault: str) -> None:
    assert _message(emulator, CANVAS, smallest(CANVAS, width=width, height=height)) == MALFORMED.format(fault)


@pytest.mark.parametrize(
    ("model", "task"),
    [
        *((TITAN, task) for task in ("INPAINTING", "OUTPAINTING", "IMAGE_VARIATION", "COLOR_GUIDED_GENERATION")),
        *((CANVAS, task) for task in ("BACKGROUND_REMOVAL", "VIRTUAL_TRY_ON")),
    ],
)
def test_other_tasks_are_not_emulated(emulator: Emulator, model: str, task: str) -> None:
    assert _message(emulator, model, {"taskType": task}) == ONLY_TEXT.format(f"taskType {task}")


def test_titan_has_no_virtual_try_on(emulator: Emulator) -> None:
    message = _message(emulator, TITAN, smallest(TITAN) | {"taskType": "VIRTUAL_TRY_ON"})
    assert message == MALFORMED.format("#/taskType: VIRTUAL_TRY_ON is not a valid enum value")


def test_a_condition_image_is_not_emulated(emulator: Emulator) -> None:
    body = _edited(TITAN, lambda b: b["textToImageParams"].update(conditionImage="aGVsbG8="))
    assert _message(emulator, TITAN, body) == ONLY_TEXT.format("conditionImage")


STABILITY_FAULTS: list[tuple[dict[str, object], str]] = [
    ({}, "#: required key [prompt] not found"),
    ({"prompt": None}, "#/prompt: expected type: String, found: Null"),
    ({"prompt": 1}, "#/prompt: expected type: String, found: Integer"),
    ({"prompt": "x" * 10_001}, "#/prompt: expected maxLength: 10000, actual: 10001"),
    (
        {"prompt": "x", "negative_prompt": "x" * 10_001},
        "#/negative_prompt: expected maxLength: 10000, actual: 10001",
    ),
    ({"prompt": "x", "aspect_ratio": "4:3"}, "#/aspect_ratio: 4:3 is not a valid enum value"),
    ({"prompt": "x", "aspect_ratio": 1}, "#/aspect_ratio: expected type: String, found: Integer"),
    ({"prompt": "x", "seed": -1}, "#/seed: -1 is not greater or equal to 0"),
    ({"prompt": "x", "seed": "1"}, "#/seed: expected type: Integer, found: String"),
    ({"prompt": "x", "seed": 1.0}, "#/seed: expected type: Integer, found: BigDecimal"),
    ({"prompt": "x", "output_format": "gif"}, "#/output_format: gif is not a valid enum value"),
    ({"prompt": "x", "output_format": "PNG"}, "#/output_format: PNG is not a valid enum value"),
    ({"prompt": "x", "mode": "video"}, "#/mode: video is not a valid enum value"),
]


@pytest.mark.parametrize("model", STABILITY)
@pytest.mark.parametrize(("body", "fault"), STABILITY_FAULTS, ids=[fault for _, fault in STABILITY_FAULTS])
def test_stability_checks_its_schema(emulator: Emulator, model: str, body: dict[str, object], fault: str) -> None:
    assert _message(emulator, model, body) == MALFORMED.format(fault)


@pytest.mark.parametrize(("model", "limit"), [(CORE, 4_294_967_295), (ULTRA, 4_294_967_295), (SD3_5, 4_294_967_294)])
def test_stability_models_have_different_seed_limits(emulator: Emulator, model: str, limit: int) -> None:
    message = _message(emulator, model, {"prompt": "x", "seed": limit + 1})
    assert message == MALFORMED.format(f"#/seed: {limit + 1} is not less or equal to {limit}")


@pytest.mark.parametrize("model", [CORE, ULTRA])
def test_only_sd3_5_makes_webp(emulator: Emulator, model: str) -> None:
    message = _message(emulator, model, {"prompt": "x", "output_format": "webp"})
    assert message == MALFORMED.format("#/output_format: webp is not a valid enum value")


@pytest.mark.parametrize("model", STABILITY)
@pytest.mark.parametrize("key", ["width", "cfg_scale", "steps", "style_preset", "n", "taskType"])
def test_stability_names_the_fields_there_are(emulator: Emulator, model: str, key: str) -> None:
    detail = json.loads(_message(emulator, model, {"prompt": "x", key: 1}))["detail"]
    assert detail.startswith("Invalid field in request. Available fields: [prompt, negative_prompt, ")
    assert detail.endswith("]")
    assert key not in detail.partition("[")[2].strip("]").split(", ")


@pytest.mark.parametrize("key", ["image", "strength"])
def test_core_has_no_image_to_image(emulator: Emulator, key: str) -> None:
    detail = json.loads(_message(emulator, CORE, {"prompt": "x", key: 1}))["detail"]
    assert "Invalid field" in detail


@pytest.mark.parametrize("model", [ULTRA, SD3_5])
def test_image_to_image_is_not_emulated(emulator: Emulator, model: str) -> None:
    body = {"prompt": "x", "mode": "image-to-image", "image": "aGVsbG8=", "strength": 0.5}
    assert _message(emulator, model, body) == ONLY_TEXT.format("image-to-image")


NO_OBJECTS = [[], "text", 5, None, True]


@pytest.mark.parametrize("model", EVERY_MODEL)
@pytest.mark.parametrize("body", NO_OBJECTS, ids=["array", "string", "number", "null", "boolean"])
def test_a_body_that_is_not_an_object(emulator: Emulator, model: str, body: object) -> None:
    assert _message(emulator, model, body).startswith("Malformed input request: #: expected type: JSONObject, found: ")


NO_JSON = [
    b"",
    b"{",
    b"prompt=a cat",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b'{"prompt": "x", "seed": NaN}',
    b'{"prompt": "x", "seed": Infinity}',
    b'{"prompt": "x", "prompt": "y"}',
    b"[" * 100_000,
    b'{"seed": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("model", [TITAN, CANVAS, CORE])
@pytest.mark.parametrize("body", NO_JSON, ids=range(len(NO_JSON)))
def test_a_body_that_is_not_json(emulator: Emulator, model: str, body: bytes) -> None:
    answer = emulator.post(model, body)
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationException"
    assert answer.json() == {"message": NOT_JSON}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", "image/png"]
)
def test_another_content_type(emulator: Emulator, content_type: str) -> None:
    answer = emulator.post(CORE, b'{"prompt": "x"}', **{"Content-Type": content_type})
    assert answer.status_code == 400
    assert answer.json() == {"message": "The provided Content Type is invalid or not supported for this model"}


def test_another_accept(emulator: Emulator) -> None:
    answer = emulator.post(CORE, b'{"prompt": "x"}', Accept="image/png")
    assert answer.status_code == 400
    assert answer.json() == {"message": "The provided Accept Type is invalid or not supported for this model"}


def test_a_body_of_25_megabytes_is_the_longest(emulator: Emulator) -> None:
    longest, longer = (emulator.post(CORE, b" " * length) for length in (25_000_000, 25_000_001))
    assert [answer.headers["x-amzn-errortype"] for answer in (longest, longer)] == ["ValidationException"] * 2
    assert longest.json() == {"message": NOT_JSON}
    assert "Value at 'body' failed to satisfy constraint" in longer.json()["message"]
    assert [call["status"] for call in emulator.calls()] == [400, 400]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", f"/model/{CORE}/invoke"), ("POST", f"/model/{CORE}/converse"), ("GET", "/")]
)
def test_another_operation_does_not_exist(emulator: Emulator, method: str, path: str) -> None:
    answer = emulator.http.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"
    assert emulator.calls() == []
