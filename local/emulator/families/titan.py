"""Titan Image Generator G1 v2."""

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

TASKS = ("INPAINTING", "OUTPAINTING", "IMAGE_VARIATION", "COLOR_GUIDED_GENERATION", "BACKGROUND_REMOVAL")

SIZES = frozenset(
    {
        *((1024, 1024), (768, 768), (512, 512)),
        *((768, 1152), (384, 576), (1152, 768), (576, 384)),
        *((768, 1280), (384, 640), (1280, 768), (640, 384)),
        *((896, 1152), (448, 576), (1152, 896), (576, 448)),
        *((768, 1408), (384, 704), (1408, 768), (704, 384)),
        *((640, 1408), (320, 704), (1408, 640), (704, 320)),
        *((1152, 640), (1173, 640)),
    }
)

# The reference gives no least length; an empty prompt is refused as on its sister, Nova Canvas.
PROMPT = Text(min_length=1, max_length=512)
BODY = body_rule(TASKS, {"text": PROMPT, "negativeText": PROMPT}, side=Integer(1, 4096))

BLOCKED_PROMPT = (
    "This request has been blocked by our content filters. "
    "Our filters automatically flagged this prompt because it may conflict with our AUP or "
    "AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
)


class Titan:
    makes_ratios = False

    def read(self, body: object) -> Order:
        refuse_other_tasks(body, TASKS)
        check(BODY, body)
        order = read_order(cast("dict[str, Any]", body), seed=42, cfg_scale=8.0)
        if (order.width, order.height) not in SIZES:
            size = f"{order.width}x{order.height}"
            raise malformed(f"#/imageGenerationConfig: width x height {size} is not a valid enum value")
        return order

    def blocked_prompt(self) -> Body:
        raise invalid(BLOCKED_PROMPT)

    def inference_error(self) -> Body:
        raise Refusal("ModelErrorException")

    def answer(self, _seed: int, pictures: list[str | None]) -> Body:
        return {"images": delivered(pictures), "error": filter_error(pictures)}
