"""The request schema of Stability AI's models: a ratio instead of pixels, and one image in each call.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html
"""

from collections.abc import Sequence
from typing import Any

from imaging.models.schema import Answer, Ask, ModelOutput, NoImage, decoded

ASPECT_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")

_INFERENCE_ERROR = "Inference error"

_FILTERED = {"prompt", "input image", "output image"}
"""What a filter can refuse. Other words of the model's are not repeated, because they may quote the prompt."""


def body(ask: Ask) -> dict[str, Any]:
    texts = {"prompt": ask.text} | ({"negative_prompt": ask.negative_text} if ask.negative_text else {})
    return {**texts, "aspect_ratio": ask.size.aspect_ratio, "seed": ask.seed, "output_format": "png"}


def read(answer: Answer, images: int) -> Sequence[ModelOutput]:
    reasons = answer.get("finish_reasons") or [None]
    if reasons[0]:
        return [_missing(str(reasons[0]))] * images
    made = [decoded(image, seed) for image, seed in _images_with_seeds(answer)][:images]
    return [*made, *[NoImage("failed", "the model's answer holds no image")] * (images - len(made))]


def _images_with_seeds(answer: Answer) -> list[tuple[object, int | None]]:
    images, seeds = answer.get("images") or (), answer.get("seeds") or ()
    return [(image, _seed(seeds[place]) if place < len(seeds) else None) for place, image in enumerate(images)]


def _seed(reported: object) -> int | None:
    # AWS's pages declare seeds as strings and show numbers.
    return int(str(reported)) if str(reported).isdecimal() else None


def _missing(reason: str) -> NoImage:
    if reason == _INFERENCE_ERROR:
        return NoImage("failed", "the model failed while it made the image")
    refused = reason.removeprefix("Filter reason: ")
    return NoImage("blocked", f"the content filter refused the {refused if refused in _FILTERED else 'request'}")


def blocked(message: str) -> bool:  # noqa: ARG001 - these models refuse inside a 200
    return False
