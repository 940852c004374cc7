"""What OpenAI's package offers in November 2026, each thing with a right value and a wrong one."""

from collections.abc import Sequence
from typing import Any

import openai
from trying import API_KEY, BASE_URL, PROMPT, Image, tried

client = openai.OpenAI(base_url=BASE_URL, api_key=API_KEY)
LONG = "A fox in the snow. " * 32


def images(**wanted: object) -> Sequence[Image]:
    answer: Any = client.images.generate(**{"model": "dall-e-3", "prompt": PROMPT} | wanted)
    told = [warning["code"] for warning in answer.warnings]
    return [
        {
            "url": image.url,
            "b64_json": image.b64_json,
            "size": answer.size,
            "format": answer.output_format,
            "model": answer.model,
            "warnings": told,
        }
        for image in answer.data
    ]


def events(**wanted: object) -> Sequence[Image]:
    stream = client.images.generate(**{"model": "gpt-image-2", "prompt": PROMPT, "stream": True} | wanted)
    return [
        {
            "class": type(event).__name__,
            "type": event.type,
            "b64_json": event.b64_json,
            "usage": event.usage.total_tokens,
        }
        for event in stream
    ]


tried(
    "openai",
    long=lambda: images(prompt=LONG),
    too_long=lambda: images(prompt=LONG * 20),
    too_long_for_the_model=lambda: images(prompt=LONG, model="titan"),
    five=lambda: images(n=5, size="512x512"),
    eleven=lambda: images(n=11),
    max_quality=lambda: images(quality="max"),
    wrong_quality=lambda: images(quality="best"),
    exact=lambda: images(model="core", size="1536x1024"),
    scaled=lambda: images(model="core", size="2048x2048"),
    wrong_size=lambda: images(size="1030x1030"),
    webp=lambda: images(output_format="webp", output_compression=80),
    jpeg=lambda: images(model="gpt-image-2", output_format="jpeg"),
    wrong_format=lambda: images(output_format="gif"),
    stream=lambda: events(n=2, size="512x512", partial_images=1),
    wrong_stream=lambda: events(partial_images=4),
    base64_by_name=lambda: images(model="gpt-image-2.5-flare"),
    link_by_name=lambda: images(model="gpt-image-2.5-flare", response_format="url"),
    wrong_response=lambda: images(response_format="file"),
    transparent=lambda: images(background="transparent"),
    unknown_model=lambda: images(model="stability.stable-image-core-v9:9"),
    many_large=lambda: images(model="gpt-image-2", n=6, extra_body={"seed": 1}),
    model=lambda: [client.models.retrieve("core").model_dump()],
    no_model=lambda: [client.models.retrieve("gpt-image-2").model_dump()],
    edit=lambda: [client.images.edit(image=b"png", prompt=PROMPT).model_dump()],
)
