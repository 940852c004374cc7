"""The result of a generation, as it is stored: without links, which are presigned for each answer."""

from collections.abc import Collection, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class GenerationWarning(_Facts):
    """One adjustment: what was done differently from what `field` asked for."""

    code: str = Field(description="What was done differently.")
    field: str | None = Field(description="The request's field that it is about, if one is.")
    detail: str = Field(description="The same in words.")


class StoredImage(_Facts):
    """An image in the bucket. Sizes are pixels, read from the PNG; `bytes` and `sha256` are the object's length."""

    status: Literal["stored"] = "stored"
    id: str
    seed: int
    seed_index: int | None = None
    width: int
    height: int
    native_width: int
    native_height: int
    bytes: int
    sha256: str | None = None
    manifest: Literal["model", "operator"] | None = None
    signed_by: str | None = None

    def deleted(self) -> "DeletedImage":
        return DeletedImage(id=self.id, seed=self.seed, seed_index=self.seed_index)

    @property
    def enlarged(self) -> bool:
        return self.native_width < self.width or self.native_height < self.height


class MissingImage(_Facts):
    """A requested image that does not exist: a content filter withheld it, or it could not be made or stored."""

    status: Literal["blocked", "failed"]
    reason: str
    seed: int
    seed_index: int | None = None


class DeletedImage(_Facts):
    """An image that was deleted or expired after it was made. Its own record does not keep the seed."""

    status: Literal["deleted"] = "deleted"
    id: str
    seed: int | None = None
    seed_index: int | None = None


ImageFacts = Annotated[StoredImage | MissingImage | DeletedImage, Field(discriminator="status")]


def without_facts(image: ImageFacts, deleted: Collection[str]) -> ImageFacts:
    return image.deleted() if isinstance(image, StoredImage) and image.id in deleted else image


class Generation(_Facts):
    """The result of one request: an entry for each requested image, in seed order, and their cost in micro-dollars."""

    id: str
    model: str
    cost_micros: int
    images: Sequence[ImageFacts]
    warnings: Sequence[GenerationWarning]

    def with_warning(self, warning: GenerationWarning) -> "Generation":
        return self.model_copy(update={"warnings": [*self.warnings, warning]})

    def without(self, deleted: Collection[str]) -> "Generation":
        """The generation without the facts of images that were deleted."""
        return self.model_copy(update={"images": [without_facts(image, deleted) for image in self.images]})

    @property
    def stored(self) -> list[StoredImage]:
        return [image for image in self.images if isinstance(image, StoredImage)]
