"""The validated request: each field with its default and the widest limit that any route allows."""

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from imaging.models import catalog

MAX_TEXT = 10_000
MAX_SIDE = 3840
MAX_IMAGES = 10
MAX_SEED = 2_147_483_646

_LINE_BREAKS_AND_TABS = str.maketrans("\n\r\t", "   ")

_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Zl", "Zp", "Zs"}
# Unicode counts these as letters, marks or symbols, but they have no shape.
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def whole(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """JSON does not distinguish 512.0 from 512, so a float without a fraction counts as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def one_line(text: str) -> str:
    text = text.translate(_LINE_BREAKS_AND_TABS)
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("control characters other than newline, return and tab are not allowed")
    if not any(_is_visible(character) for character in text):
        raise ValueError("must not be blank")
    return text


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in _INVISIBLE_CATEGORIES and not _BLANKS.match(character)


def _listed(name: str) -> str:
    try:
        return catalog.find(name).id
    except KeyError:
        raise ValueError(f"there is no such model; there are {', '.join(catalog.known())}") from None


_CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
ONE_LINE = {"pattern": rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"}
"""What `one_line` accepts, for the OpenAPI document."""

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, json_schema_extra=ONE_LINE), AfterValidator(one_line)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE), BeforeValidator(whole)]
Count = Annotated[int, Field(ge=1, le=MAX_IMAGES), BeforeValidator(whole)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED), BeforeValidator(whole)]
CfgScale = Annotated[float, Field(ge=1, le=20, allow_inf_nan=False)]
Quality = Literal["standard", "premium"]


class GenerationRequest(BaseModel):
    """What a caller asks for. A route with narrower limits defines them in a subclass."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    text: Text
    width: Side = 1024
    height: Side = 1024
    number_of_images: Count = 1
    cfg_scale: CfgScale = Field(
        8, description="How closely the image follows the text, 1 to 20, for models that know such a control."
    )
    seed: Seed | None = Field(42, description="The same seed makes the same image; null means random. 0 to 2147483646.")
    quality: Quality = Field("standard", description="Which list of models is tried.")
    negative_text: Text | None = None
    model: Annotated[str, AfterValidator(_listed)] | None = Field(
        None, description="A model's id or alias: exactly that model answers. Left out: the first that lives."
    )

    def sets(self, field: str) -> bool:
        """Whether the caller set this field, rather than leaving it to the default."""
        return field in self.model_fields_set

    @property
    def longest_text(self) -> str:
        """The field, `text` or `negative_text`, with the most characters."""
        return "negative_text" if len(self.negative_text or "") > len(self.text) else "text"
