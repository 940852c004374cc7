"""The request schema of Titan Image Generator and Nova Canvas: pixels, and several images in one call.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html,
https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html
"""

from collections.abc import Sequence
from typing import Any

from imaging.models.schema import Answer, Ask, ModelOutput, NoImage, decoded


def body(ask: Ask) -> dict[str, Any]:
    texts = {"text": ask.text} | ({"negativeText": ask.negative_text} if ask.negative_text else {})
    return {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": texts,
        "imageGenerationConfig": {
            "quality": ask.quality,
            "numberOfImages": ask.images,
            "cfgScale": ask.cfg_scale,
            "seed": ask.seed,
            "width": ask.size.width,
            "height": ask.size.height,
        },
    }


def read(answer: Answer, images: int) -> Sequence[ModelOutput]:
    """The images that passed the filter, in order. The answer does not say which ones are missing."""
    made = [decoded(image) for image in answer.get("images") or ()][:images]
    return [*made, *[_missing(answer.get("error"))] * (images - len(made))]


def _missing(error: object) -> NoImage:
    if error:
        return NoImage("blocked", "the content filter withheld the image")
    return NoImage("failed", "the model made fewer images than it was asked for")


def blocked(message: str) -> bool:
    # The filter has no exception of its own: it refuses by a ValidationException, so its text decides.
    return "content filters" in message
