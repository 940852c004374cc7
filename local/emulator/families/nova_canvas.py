"""Nova Canvas."""

from typing import Any, cast

from local.emulator.errors import Refusal, invalid
from local.emulator.families import Body
from local.emulator.families.text_image import (
    body_rule,
    delivered,
    filter_error,
    read_order,
    refuse_other_tasks,
)
from local.emulator.request import Order
from local.emulator.schema import Integer, Text, check, malformed

TASKS = (
    "INPAINTING",
    "OUTPAINTING",
    "IMAGE_VARIATION",
    "COLOR_GUIDED_GENERATION",
    "BACKGROUND_REMOVAL",
    "VIRTUAL_TRY_ON",
)
STYLES = (
    "3D_ANIMATED_FAMILY_FILM",
    "DESIGN_SKETCH",
    "FLAT_VECTOR_ILLUSTRATION",
    "GRAPHIC_NOVEL_ILLUSTRATION",
    "MAXIMALISM",
    "MIDCENTURY_RETRO",
    "PHOTOREALISM",
    "SOFT_DIGITAL_PAINTING",
)
PROMPT = Text(min_length=1, max_length=1024)
BODY = body_rule(
    TASKS,
    {"text": PROMPT, "negativeText": PROMPT, "style": Text(one_of=STYLES)},
    side=Integer(320, 4096, multiple_of=16),
)
PIXEL_LIMIT = 4_194_304
LONGEST_RATIO = 4

BLOCKED_PROMPT = (
    "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request."
)


class NovaCanvas:
    makes_ratios = False

    def read(self, body: object) -> Order:
        refuse_other_tasks(body, TASKS)
        check(BODY, body)
        order = read_order(cast("dict[str, Any]", body), seed=12, cfg_scale=6.5)
        _check_size(order.width, order.height)
        return order

    def blocked_prompt(self) -> Body:
        raise invalid(BLOCKED_PROMPT)

    def inference_error(self) -> Body:
        raise Refusal("ModelErrorException")

    def answer(self, _seed: int, pictures: list[str | None]) -> Body:
        error = filter_error(pictures)
        return {"images": delivered(pictures)} | ({"error": error} if error else {})


def _check_size(width: int, height: int) -> None:
    if width * height >= PIXEL_LIMIT:
        raise malformed(f"#/imageGenerationConfig: {width * height} pixels is not less than {PIXEL_LIMIT}")
    if max(width, height) > LONGEST_RATIO * min(width, height):
        raise malformed(f"#/imageGenerationConfig: aspect ratio {width}:{height} is not between 1:4 and 4:1")
