"""OpenAI's own package, as its manual shows it."""

from collections.abc import Sequence

import openai
from trying import API_KEY, BASE_URL, BLOCKED_PROMPT, PROMPT, WRONG_KEY, Image, tried

client = openai.OpenAI(base_url=BASE_URL, api_key=API_KEY)
hasty = client.with_options(timeout=3, max_retries=5)


def images(asked: openai.OpenAI = client, **wanted: object) -> Sequence[Image]:
    answer = asked.images.generate(**{"model": "gpt-image-2", "prompt": PROMPT} | wanted)
    return [{"url": image.url, "b64_json": image.b64_json} for image in answer.data]


tried(
    "openai",
    one=images,
    two=lambda: images(model="core", n=2, size="1536x1024", quality="high", extra_body={"seed": 7}),
    base64=lambda: images(model="dall-e-3", response_format="b64_json", size="512x768"),
    blocked=lambda: images(prompt=BLOCKED_PROMPT),
    wrong_key=lambda: images(client.with_options(api_key=WRONG_KEY)),
    models=lambda: [{"id": model.id} for model in client.models.list()],
    impatient=lambda: images(hasty, prompt="A slow fox"),
)
