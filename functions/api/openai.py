"""OpenAI's request for images, translated to ours.

Source: https://platform.openai.com/docs/api-reference/images/create, and `types/image_generate_params.py` of OpenAI's
Python package 3.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from api.body import MAX_SIDE, MIN_SIDE
from imaging.errors import FieldError, InvalidRequest, NotFound
from imaging.images.encoding import Format, Rendition
from imaging.models import catalog
from imaging.models.sizing import Size
from imaging.requests.request import CfgScale, Count, GenerationRequest, Seed, Text, whole
from imaging.requests.result import GenerationWarning

MOST_IGNORED = 32
LONGEST_IGNORED = 64

CODES = {
    "content_blocked": "content_policy_violation",
    "budget_exhausted": "insufficient_quota",
    "throttled": "rate_limit_exceeded",
    "too_many_jobs": "rate_limit_exceeded",
}
"""OpenAI's names for our error codes."""

FIELDS = {
    "text": "prompt",
    "negative_text": "negative_prompt",
    "number_of_images": "n",
    "width": "size",
    "height": "size",
}
"""OpenAI's names for our request fields."""

FileFormat = Literal["png", "jpeg", "webp"]
Quality = Literal["auto", "low", "medium", "standard", "high", "hd", "xhigh", "max"]

_PREMIUM = {"high", "hd", "xhigh", "max"}
_DEFAULT = Size(1024, 1024)
_STEP, _LONGEST, _MOST_PIXELS, _STEEPEST = 16, 3840, 3840 * 2160, 3
_BASE64_NAMES = ("gpt-image-", "chatgpt-image-")
_HAPPENS_ANYWAY: Mapping[str, object] = {"moderation": "auto"}


class ModelNotFound(NotFound):
    code = "model_not_found"

    def __init__(self) -> None:
        super().__init__(f"There is no such model. There are {', '.join(catalog.known())}; GET /v1/models lists them.")
        self.fields = [FieldError("model", "there is no such model")]


def _size(text: str) -> str:
    if text != "auto" and not _is_size(text):
        raise ValueError(
            f"must be auto, or WIDTHxHEIGHT: sides that are multiples of {_STEP}, at most {_LONGEST} and together at "
            f"most {_MOST_PIXELS} pixels, with a ratio of 1:{_STEEPEST} to {_STEEPEST}:1; or any sides of {MIN_SIDE} "
            f"to {MAX_SIDE}"
        )
    return text


def _is_size(text: str) -> bool:
    found = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", text)
    return found is not None and _is_admitted(Size(*map(int, found.groups())))


def _is_admitted(size: Size) -> bool:
    short, long = sorted((size.width, size.height))
    if short >= MIN_SIDE and long <= MAX_SIDE:
        return True
    is_on_grid = short > 0 and short % _STEP == long % _STEP == 0
    return is_on_grid and long <= min(_LONGEST, _STEEPEST * short) and size.pixels <= _MOST_PIXELS


def _opaque(background: str) -> str:
    if background == "transparent":
        raise ValueError("no model here makes transparent backgrounds; leave it out, or send auto or opaque")
    if background not in {"auto", "opaque"}:
        raise ValueError("must be auto or opaque")
    return background


class ImagesRequest(BaseModel):
    """OpenAI's request. Unknown fields are ignored with a warning, because other servers ignore them too."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"propertyNames": {"maxLength": LONGEST_IGNORED}},
    )

    prompt: Text = Field(
        description="What the image shows, 1 to 10,000 characters; models that take less are not called.",
        examples=["A fox in the snow"],
    )
    model: str | None = Field(None, description="An id or alias pins that model; any other name goes to our lists.")
    n: Count | None = Field(1, description="How many images, 1 to 10.")
    size: Annotated[str, AfterValidator(_size)] | None = Field(
        "auto",
        description="auto is 1024x1024. WIDTHxHEIGHT is made exactly where the model makes enough pixels, else as "
        "large as it can at that ratio, with the warning `size_scaled`.",
        examples=["1536x1024"],
        json_schema_extra={"pattern": "^(auto|[0-9]{1,4}x[0-9]{1,4})$"},
    )
    quality: Quality | None = Field("auto", description="high, hd, xhigh and max are premium, all others standard.")
    response_format: Literal["url", "b64_json"] | None = Field(
        None, description="Left out: b64_json for models whose name begins with gpt-image-, url for all others."
    )
    output_format: FileFormat | None = Field("png", description="The images' file format.")
    output_compression: Annotated[int, Field(ge=0, le=100), BeforeValidator(whole)] | None = Field(
        None, description="The quality of jpeg and webp, 0 to 100; 100 if left out."
    )
    background: Annotated[str, AfterValidator(_opaque)] | None = Field(
        "auto",
        description="auto or opaque, which is the same here; transparent is refused.",
        json_schema_extra={"enum": ["auto", "opaque", None]},
    )
    stream: bool | None = Field(
        default=False,
        description="true answers one `image_generation.completed` event for each image, all when they are made.",
    )
    partial_images: Annotated[int, Field(ge=0, le=3), BeforeValidator(whole)] | None = Field(
        None, description="0 to 3. None are sent, because the models do not stream."
    )
    seed: Seed | None = Field(None, description="The same seed makes the same image. Left out or null: random.")
    negative_prompt: Text | None = Field(None, description="What the image must not show, 1 to 10,000 characters.")
    cfg_scale: CfgScale | None = Field(
        None, description="How closely the image follows the prompt, 1 to 20, for models that know such a control."
    )

    @property
    def rendition(self) -> Rendition:
        compression = 100 if self.output_compression is None else self.output_compression
        return Rendition(Format(self.output_format or "png"), compression=compression)

    @property
    def wants_base64(self) -> bool:
        """As OpenAI's own models answer of these names, unless `response_format` says otherwise."""
        if self.stream or self.response_format is not None:
            return bool(self.stream) or self.response_format == "b64_json"
        return (self.model or "").startswith(_BASE64_NAMES)

    def generation_request(self) -> GenerationRequest:
        """The same request in our terms. Raises ModelNotFound, and InvalidRequest for too many ignored fields."""
        self._check_ignored()
        size = self._wanted()
        wanted: dict[str, Any] = {
            "text": self.prompt,
            "width": size.width,
            "height": size.height,
            "number_of_images": self.n or 1,
            "seed": self.seed,
        }
        optional = {
            "quality": self._quality(),
            "negative_text": self.negative_prompt,
            "cfg_scale": self.cfg_scale,
            "model": self._pinned(),
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return GenerationRequest.model_validate(wanted | given)

    def warnings(self) -> Iterator[GenerationWarning]:
        """The adjustments that do not depend on the model."""
        for field in self._ignored():
            yield GenerationWarning(
                code="field_ignored", field=field, detail=f"{field} means nothing here and was ignored."
            )
        if self.stream and self.response_format == "url":
            yield _ignored("response_format", "A stream always carries base64.")
        if self.partial_images:
            yield _ignored("partial_images", "The models do not stream, so there are no partial images.")
        if self.rendition.format is Format.PNG and self.output_compression not in {None, 100}:
            yield _ignored("output_compression", "PNG is lossless; ask for jpeg or webp.")

    def _check_ignored(self) -> None:
        """Refuses too many ignored fields: each becomes a warning, and the answer's size is limited."""
        names = list(self.model_extra or ())
        if len(names) > MOST_IGNORED or any(len(name) > LONGEST_IGNORED for name in names):
            raise InvalidRequest(
                f"The request has fields that mean nothing here: more than {MOST_IGNORED}, or with names of more than "
                f"{LONGEST_IGNORED} characters. Leave them out."
            )

    def _ignored(self) -> Iterator[str]:
        for field, value in (self.model_extra or {}).items():
            if value is not None and _HAPPENS_ANYWAY.get(field) != value:
                yield field

    def _wanted(self) -> Size:
        return _DEFAULT if self.size in {None, "auto"} else Size(*map(int, str(self.size).split("x")))

    def _quality(self) -> str | None:
        if self.quality in {None, "auto"}:
            return None
        return "premium" if self.quality in _PREMIUM else "standard"

    def _pinned(self) -> str | None:
        return model_id(self.model) if self.model else None


def model_id(name: str) -> str | None:
    """The id of one of our models by its id or alias; None for a foreign name, which any model may answer to. Raises
    ModelNotFound for one that looks like ours."""
    try:
        return catalog.find(name).id
    except KeyError:
        if name.partition(".")[0] in {model_id.partition(".")[0] for model_id in catalog.known()}:
            raise ModelNotFound from None
        return None


def _ignored(field: str, why: str) -> GenerationWarning:
    return GenerationWarning(code="field_ignored", field=field, detail=f"{field} was ignored. {why}")
