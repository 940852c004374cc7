"""How answers look to OpenAI's clients: a body, or one buffered stream of events; and errors.

Source: https://platform.openai.com/docs/api-reference/images, and `types/image_gen_completed_event.py` of OpenAI's
Python package 3.
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

from api.openai import FileFormat
from imaging.requests.result import GenerationWarning


class TokenDetails(BaseModel):
    """Tokens of the prompt."""

    image_tokens: int = Field(0, description="Always 0: images are not priced by tokens.")
    text_tokens: int = Field(0, description="Always 0.")


class Usage(BaseModel):
    """Always 0: models on Bedrock are paid by the image, not by the token."""

    input_tokens: int = Field(0, description="Always 0: images are not priced by tokens.")
    input_tokens_details: TokenDetails = TokenDetails()
    output_tokens: int = Field(0, description="Always 0.")
    total_tokens: int = Field(0, description="Always 0.")


class ImageData(BaseModel):
    """One image, as a link or in base64."""

    url: str | None = Field(None, description="A presigned link, for response_format url.")
    b64_json: str | None = Field(None, description="The file in base64, for response_format b64_json.")
    revised_prompt: str | None = Field(None, description="Always null: prompts are not rewritten.")
    seed: int = Field(description="The seed that made the image.")
    seed_index: int | None = Field(None, description="Tells apart the images that one call made from one seed.")
    id: str = Field(description="The image's id, for /images/{id}.")


class ImagesAnswer(BaseModel):
    """OpenAI's answer and what we have to say besides."""

    created: int = Field(description="When the answer was made, in epoch seconds.")
    data: list[ImageData] = Field(description="The images that were made, in order.")
    size: str = Field(description="The images' pixels, as 1024x1024.")
    background: Literal["opaque"] = Field("opaque", description="Always opaque.")
    output_format: FileFormat = Field(description="The images' file format.")
    usage: Usage = Usage()
    id: str = Field(description="The generation's id.")
    model: str = Field(description="The model that made the images.")
    cost_usd: float = Field(description="What the images that were made cost.")
    warnings: list[GenerationWarning] = Field(description="What was done differently from the request.")


class CompletedEvent(BaseModel):
    """One image of a stream."""

    type: Literal["image_generation.completed"] = "image_generation.completed"
    b64_json: str
    created_at: int
    size: str
    quality: str
    background: Literal["opaque"] = "opaque"
    output_format: FileFormat
    usage: Usage = Usage()
    seed: int
    seed_index: int | None
    id: str
    generation_id: str
    model: str
    cost_usd: float
    warnings: list[GenerationWarning]


def event_stream(answer: ImagesAnswer, quality: str) -> str:
    """The whole answer as server-sent events."""
    return "".join(f"event: {event.type}\ndata: {event.model_dump_json()}\n\n" for event in _events(answer, quality))


def _events(answer: ImagesAnswer, quality: str) -> Iterable[CompletedEvent]:
    for image in answer.data:
        yield CompletedEvent(
            b64_json=str(image.b64_json),
            created_at=answer.created,
            size=answer.size,
            quality=_EVENT_QUALITIES.get(quality, quality),
            output_format=answer.output_format,
            seed=image.seed,
            seed_index=image.seed_index,
            id=image.id,
            generation_id=answer.id,
            model=answer.model,
            cost_usd=answer.cost_usd,
            warnings=answer.warnings,
        )


_EVENT_QUALITIES = {"standard": "medium", "hd": "high"}
"""DALL-E's words, which no event knows."""


class OpenAiError(BaseModel):
    """What went wrong: `code` is what to match on, `message` says what to do."""

    message: str = Field(description="What happened, and what to do.")
    type: Literal["invalid_request_error", "server_error"] = Field(
        description="Whose turn it is: the caller's, or the server's."
    )
    param: str | None = Field(description="The field that is wrong, if one is.")
    code: str = Field(description="To match on.")


class OpenAiErrorBody(BaseModel):
    """OpenAI's form of an error."""

    error: OpenAiError


class OpenAiModel(BaseModel):
    """A model that can be named in a request."""

    id: str = Field(description="To send as `model`.")
    object: Literal["model"] = Field("model", description="Always model.")
    created: int = Field(0, description="Always 0: the day is not known.")
    owned_by: str = Field(description="Who made the model.")


class OpenAiModels(BaseModel):
    """OpenAI's form of a list of models."""

    object: Literal["list"] = Field("list", description="Always list.")
    data: list[OpenAiModel] = Field(description="The models of the catalog.")
