"""LangChain's image tool, which cannot request base64."""

from collections.abc import Sequence

from langchain_community.tools.openai_dalle_image_generation import OpenAIDALLEImageGenerationTool
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper
from trying import API_KEY, BASE_URL, BLOCKED_PROMPT, PROMPT, WRONG_KEY, Image, tried


def images(prompt: str = PROMPT, **wanted: object) -> Sequence[Image]:
    wrapper = DallEAPIWrapper(**{"base_url": BASE_URL, "api_key": API_KEY} | wanted)
    answer = OpenAIDALLEImageGenerationTool(api_wrapper=wrapper).invoke(prompt)
    return [{"url": url} for url in answer.splitlines()]


tried(
    "langchain-community",
    one=images,
    two=lambda: images(n=2, size="768x512", quality="hd"),
    blocked=lambda: images(BLOCKED_PROMPT),
    wrong_key=lambda: images(api_key=WRONG_KEY),
    impatient=lambda: images("A slow fox", timeout=3, max_retries=5),
)
