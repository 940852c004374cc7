"""Semantic Kernel's text-to-image service."""

import asyncio
from collections.abc import Sequence

from openai import AsyncOpenAI
from semantic_kernel.connectors.ai.open_ai import OpenAITextToImage, OpenAITextToImageExecutionSettings
from semantic_kernel.connectors.ai.open_ai.prompt_execution_settings.open_ai_text_to_image_execution_settings import (
    ImageSize,
)
from trying import API_KEY, BASE_URL, BLOCKED_PROMPT, PROMPT, WRONG_KEY, Image, tried


def images(
    prompt: str = PROMPT, *, model: str = "titan", key: str = API_KEY, timeout: float = 60, **wanted: object
) -> Sequence[Image]:
    client = AsyncOpenAI(base_url=BASE_URL, api_key=key, timeout=timeout, max_retries=5)
    service = OpenAITextToImage(ai_model_id=model, async_client=client)
    settings = OpenAITextToImageExecutionSettings(**wanted)
    answers = asyncio.run(service.generate_images(prompt, settings=settings))
    return [{"url": each} if each.startswith("http") else {"b64_json": each} for each in answers]


tried(
    "semantic-kernel",
    one=images,
    two=lambda: images(n=2, size=ImageSize(width=1024, height=1024), quality="high"),
    base64=lambda: images(model="gpt-image-2"),
    blocked=lambda: images(BLOCKED_PROMPT),
    wrong_key=lambda: images(key=WRONG_KEY),
    impatient=lambda: images("A slow fox", timeout=3),
)
