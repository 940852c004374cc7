"""Nova Canvas."""

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


class NovaCanvas(TextImageModel):
    blocked_message = (
        "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request."
    )

    def read(self, body: object) -> ImageRequest:
        request = parse(body, BODY, TASKS, seed=12, cfg_scale=6.5)
        _check_size(request.width, request.height)
        return request

    def answer(self, _seed: int, pictures: list[str | None]) -> Body:
        error = filter_error(pictures)
        return {"images": delivered(pictures)} | ({"error": error} if error else {})


def _check_size(width: int, height: int) -> None:
    if width * height >= PIXEL_LIMIT:
        raise malformed(f"#/imageGenerationConfig: {width * height} pixels is not less than {PIXEL_LIMIT}")
    if max(width, height) > LONGEST_RATIO * min(width, height):
        raise malformed(f"#/imageGenerationConfig: aspect ratio {width}:{height} is not between 1:4 and 4:1")
