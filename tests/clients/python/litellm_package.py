"""LiteLLM's package; its proxy sends the same requests."""

from collections.abc import Sequence

import litellm
from trying import API_KEY, BASE_URL, BLOCKED_PROMPT, PROMPT, WRONG_KEY, Image, tried


def images(**wanted: object) -> Sequence[Image]:
    answer = litellm.image_generation(
        **{"model": "openai/titan", "prompt": PROMPT, "api_base": BASE_URL, "api_key": API_KEY} | wanted
    )
    return [{"url": image.url, "b64_json": image.b64_json} for image in answer.data]


tried(
    "litellm",
    one=images,
    two=lambda: images(n=2, size="768x512", seed=7),
    base64=lambda: images(model="openai/gpt-image-2", size="1024x1024"),
    blocked=lambda: images(prompt=BLOCKED_PROMPT),
    wrong_key=lambda: images(api_key=WRONG_KEY),
    impatient=lambda: images(prompt="A slow fox", timeout=3, max_retries=5),
)
