"""What came of a request: the facts that are kept, without links, which are made fresh for each answer."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MICROS_PER_USD = 1_000_000


def micros(usd: float) -> int:
    return round(usd * MICROS_PER_USD)


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class GenerationWarning(_Facts):
    """One thing that was done otherwise than asked. `field` names the request's field."""

    code: str
    field: str | None
    detail: str


class StoredImage(_Facts):
    """An image that lies in the bucket. Sizes are pixels, read from the bytes; `bytes` is the object's length."""

    status: Literal["stored"] = "stored"
    id: str
    seed: int
    seed_index: int | None = None
    width: int
    height: int
    native_width: int
    native_height: int
    bytes: int

    @property
    def enlarged(self) -> bool:
        return self.native_width < self.width or self.native_height < self.height


class MissingImage(_Facts):
    """An image that was asked for and does not exist: the filter withheld it, or it could not be made or kept."""

    status: Literal["blocked", "failed"]
    reason: str
    seed: int
    seed_index: int | None = None


class DeletedImage(_Facts):
    """An image that was made, and was deleted since, or whose time is over."""

    status: Literal["deleted"] = "deleted"
    id: str
    seed: int
    seed_index: int | None = None


ImageFacts = Annotated[StoredImage | MissingImage | DeletedImage, Field(discriminator="status")]


class Generation(_Facts):
    """One request's outcome: an entry for each image asked for, in seed order, and what they cost together."""

    id: str
    model: str
    cost_micros: int
    images: Sequence[ImageFacts]
    warnings: Sequence[GenerationWarning]

    def with_warning(self, warning: GenerationWarning) -> "Generation":
        return self.model_copy(update={"warnings": [*self.warnings, warning]})

    @property
    def stored(self) -> list[StoredImage]:
        return [image for image in self.images if isinstance(image, StoredImage)]
