"""OpenAI's Images API in our terms: what its fields mean here, and how its answers and errors look.

Source for the shapes: https://platform.openai.com/docs/api-reference/images/create
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from api.body import MAX_SIDE, MIN_SIDE
from imaging.errors import FieldError, InvalidRequest
from imaging.models import catalog
from imaging.models.sizing import Size
from imaging.requests.request import Count, GenerationRequest, Seed, Text
from imaging.requests.result import GenerationWarning

LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_LARGER = {"1536x1024", "1024x1536", "1792x1024", "1024x1792"}
_QUALITIES = {"low": "standard", "medium": "standard", "standard": "standard", "high": "premium", "hd": "premium"}
_BYTES_PER_PIXEL = 3
_ANSWER_AROUND_IMAGES = 64 * 1024
MOST_IGNORED = 32
LONGEST_IGNORED = 64


def _or_default(default: object) -> BeforeValidator:
    """OpenAI's optional fields may be null, which means left out."""
    return BeforeValidator(lambda value: default if value is None else value)


def _size(text: str) -> str:
    if text != "auto" and text not in _LARGER and not _fits(text):
        raise ValueError(
            f"must be auto, WIDTHxHEIGHT with sides of {MIN_SIDE} to {MAX_SIDE}, or one of {', '.join(sorted(_LARGER))}"
        )
    return text


def _fits(text: str) -> bool:
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    return found is not None and all(MIN_SIDE <= int(side) <= MAX_SIDE for side in found.groups())


def _no_stream(stream: bool) -> bool:  # noqa: FBT001 - as pydantic calls it
    if stream:
        raise ValueError("images are not streamed; leave it out")
    return stream


class ImagesRequest(BaseModel):
    """OpenAI's request. Fields that we do not know are ignored with a warning, as other servers ignore them."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, hide_input_in_errors=True)

    prompt: Text = Field(description="What the image shows, 1 to 512 characters.")
    model: str | None = Field(None, description="An id or alias pins that model; any other name goes to our lists.")
    n: Annotated[Count, _or_default(1)] = Field(1, description="1 to 4.")
    size: Annotated[str, AfterValidator(_size), _or_default("auto")] = Field("auto", description="Or as 1024x1024.")
    quality: Annotated[Literal["auto", "low", "medium", "standard", "high", "hd"], _or_default("auto")] = Field(
        "auto", description="high and hd are premium, all others standard."
    )
    response_format: Annotated[Literal["url", "b64_json"], _or_default("url")] = "url"
    stream: Annotated[bool, AfterValidator(_no_stream), _or_default(default=False)] = Field(
        default=False, description="Images are not streamed."
    )
    seed: Seed | None = Field(None, description="Left out: random.")
    negative_prompt: Text | None = None
    cfg_scale: Annotated[float, Field(ge=1, le=20, allow_inf_nan=False)] | None = None

    def generation_request(self) -> GenerationRequest:
        """The same in our terms. Raises InvalidRequest for what might not fit into an answer."""
        self._check_ignored()
        size = self.scaled_size()
        if self.response_format == "b64_json" and _worst_bytes(size, self.n) > LAMBDA_ANSWER_BYTES:
            message = "So many images of this size may not fit into one answer; ask for url, or fewer or smaller ones"
            raise InvalidRequest(message + ".", fields=[FieldError("response_format", message)])
        wanted: dict[str, Any] = {
            "text": self.prompt,
            "width": size.width,
            "height": size.height,
            "number_of_images": self.n,
            "seed": self.seed,
        }
        optional = {
            "quality": _QUALITIES[self.quality] if self.quality != "auto" else None,
            "negative_text": self.negative_prompt,
            "cfg_scale": self.cfg_scale,
            "model": self._pinned(),
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return GenerationRequest.model_validate(wanted | given)

    def _check_ignored(self) -> None:
        """Each ignored field is told in the answer, which has a limit too."""
        names = list(self.model_extra or ())
        if len(names) > MOST_IGNORED or any(len(name) > LONGEST_IGNORED for name in names):
            raise InvalidRequest(
                f"The request has fields that mean nothing here: more than {MOST_IGNORED}, or with names of more than "
                f"{LONGEST_IGNORED} characters. Leave them out."
            )

    def scaled_size(self) -> Size:
        """The size that is made; OpenAI's own larger ones are scaled into our limit at their ratio."""
        if self.size == "auto":
            return Size(MAX_SIDE, MAX_SIDE)
        width, height = map(int, self.size.split("x"))
        scale = min(1, MAX_SIDE / max(width, height))
        return Size(round(width * scale), round(height * scale))

    def warnings(self) -> Iterator[GenerationWarning]:
        """What was done otherwise than asked, before any model was."""
        made = self.scaled_size()
        if self.size in _LARGER:
            detail = (
                f"Images have at most {MAX_SIDE} pixels a side; {made.width}x{made.height} was made at the same ratio."
            )
            yield GenerationWarning(code="size_scaled", field="size", detail=detail)
        for field, value in (self.model_extra or {}).items():
            if value is None:
                continue
            yield GenerationWarning(
                code="field_ignored", field=field, detail=f"{field} means nothing here and was ignored."
            )

    def _pinned(self) -> str | None:
        try:
            return catalog.find(self.model).id if self.model else None
        except KeyError:
            return None


def _worst_bytes(size: Size, images: int) -> int:
    """The longest answer that so many images can make: pixels that do not compress at all, in base64."""
    raw = size.pixels * _BYTES_PER_PIXEL + size.height + 1024
    return images * (raw * 4 // 3 + 1024) + _ANSWER_AROUND_IMAGES


class ImageData(BaseModel):
    url: str | None = None
    b64_json: str | None = None
    revised_prompt: str | None = Field(None, description="Always null: prompts are not rewritten.")
    seed: int
    seed_index: int | None = Field(None, description="Tells apart the images that one call made from one seed.")
    id: str


class ImagesAnswer(BaseModel):
    """OpenAI's answer and what we have to say besides."""

    created: int
    data: list[ImageData]
    size: str
    id: str
    model: str
    cost_usd: float = Field(description="What the images that were made cost.")
    warnings: list[GenerationWarning]


class OpenAiError(BaseModel):
    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str


class OpenAiErrorBody(BaseModel):
    error: OpenAiError


class OpenAiModel(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class OpenAiModels(BaseModel):
    object: Literal["list"] = "list"
    data: list[OpenAiModel]


CODES = {
    "content_blocked": "content_policy_violation",
    "budget_exhausted": "insufficient_quota",
    "throttled": "rate_limit_exceeded",
}
"""Our codes that OpenAI has a word of its own for."""
