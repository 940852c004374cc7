"""The request envelope that Titan Image Generator and Nova Canvas share."""

from typing import Any, cast

from local.emulator.errors import Refusal, invalid
from local.emulator.families import Body
from local.emulator.request import ImageRequest
from local.emulator.schema import Integer, Number, Object, Rule, Text, check, malformed

MAX_SEED = 2_147_483_646
SOME_BLOCKED = "Some of the generated images have been blocked by our content filters."
ALL_BLOCKED = "All of the generated images have been blocked by our content filters."

CONDITION_FIELDS: dict[str, Rule] = {
    "conditionImage": Text(),
    "controlMode": Text(one_of=("CANNY_EDGE", "SEGMENTATION")),
    "controlStrength": Number(0, 1),
}


def body_rule(tasks: tuple[str, ...], text_fields: dict[str, Rule], side: Integer) -> Object:
    return Object(
        fields={
            "taskType": Text(one_of=("TEXT_IMAGE", *tasks)),
            "textToImageParams": Object({**text_fields, **CONDITION_FIELDS}, required=("text",)),
            "imageGenerationConfig": Object(_config_fields(side)),
        },
        required=("taskType", "textToImageParams"),
    )


def _config_fields(side: Integer) -> dict[str, Rule]:
    return {
        "quality": Text(one_of=("standard", "premium")),
        "numberOfImages": Integer(1, 5),
        "cfgScale": Number(1.1, 10.0),
        "seed": Integer(0, MAX_SEED),
        "width": side,
        "height": side,
    }


class TextImageModel:
    """What both models answer in the same way."""

    makes_ratios = False
    blocked_message = ""

    def blocked_prompt(self) -> Body:
        raise invalid(self.blocked_message)

    def inference_error(self) -> Body:
        raise Refusal("ModelErrorException")


def parse(body: object, rule: Object, tasks: tuple[str, ...], *, seed: int, cfg_scale: float) -> ImageRequest:
    """Parse a valid body; seed and cfg_scale are the model's defaults."""
    _refuse_other_tasks(body, tasks)
    check(rule, body)
    return _request(cast("dict[str, Any]", body), seed=seed, cfg_scale=cfg_scale)


def _refuse_other_tasks(body: object, tasks: tuple[str, ...]) -> None:
    """Refuse other tasks before the schema check, since each has its own parameters."""
    if isinstance(body, dict) and body.get("taskType") in tasks:
        task = body["taskType"]
        raise invalid(f"This emulator only makes images from text: taskType {task} is not emulated.")


def _request(body: dict[str, Any], *, seed: int, cfg_scale: float) -> ImageRequest:
    params, config = body["textToImageParams"], body.get("imageGenerationConfig", {})
    _refuse_condition(params)
    return ImageRequest(
        prompt=params["text"],
        negative_prompt=params.get("negativeText", ""),
        style=f"{params.get('style', '')}/{config.get('quality', 'standard')}",
        width=config.get("width", 1024),
        height=config.get("height", 1024),
        images=config.get("numberOfImages", 1),
        seed=config.get("seed", seed),
        cfg_scale=float(config.get("cfgScale", cfg_scale)),
    )


def _refuse_condition(params: dict[str, Any]) -> None:
    if "conditionImage" in params:
        raise invalid("This emulator only makes images from text: conditionImage is not emulated.")
    if params.keys() & {"controlMode", "controlStrength"}:
        raise malformed("#/textToImageParams: required key [conditionImage] not found")


def delivered(pictures: list[str | None]) -> list[str]:
    return [picture for picture in pictures if picture is not None]


def filter_error(pictures: list[str | None]) -> str | None:
    if None not in pictures:
        return None
    return SOME_BLOCKED if any(pictures) else ALL_BLOCKED
