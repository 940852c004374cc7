"""Titan Image Generator G1 v2."""

from local.emulator.families import Body
from local.emulator.families.text_image import (
    TextImageModel,
    body_rule,
    delivered,
    filter_error,
    parse,
)
from local.emulator.request import ImageRequest
from local.emulator.schema import Integer, Text, malformed

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

# The reference gives no minimum length; an empty prompt is refused, as Nova Canvas does.
PROMPT = Text(min_length=1, max_length=512)
BODY = body_rule(TASKS, {"text": PROMPT, "negativeText": PROMPT}, side=Integer(1, 4096))


class Titan(TextImageModel):
    blocked_message = (
        "This request has been blocked by our content filters. "
        "Our filters automatically flagged this prompt because it may conflict with our AUP or "
        "AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
    )

    def read(self, body: object) -> ImageRequest:
        request = parse(body, BODY, TASKS, seed=42, cfg_scale=8.0)
        if (request.width, request.height) not in SIZES:
            size = f"{request.width}x{request.height}"
            raise malformed(f"#/imageGenerationConfig: width x height {size} is not a valid enum value")
        return request

    def answer(self, _seed: int, pictures: list[str | None]) -> Body:
        return {"images": delivered(pictures), "error": filter_error(pictures)}
