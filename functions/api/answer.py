"""The body of a successful answer: what was made, with links that work now."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from aws.bucket import PREFIX, Bucket, Link
from imaging.requests.result import (
    MICROS_PER_USD,
    DeletedImage,
    Generation,
    GenerationWarning,
    MissingImage,
    StoredImage,
)

StableLink = Callable[[str], str]
"""From an image's id to the address that always leads to a fresh link."""


class StoredDetail(BaseModel):
    """An image that was made; sizes are pixels, `bytes` is the file's length."""

    id: str
    status: Literal["stored"]
    url: str = Field(description="A presigned link to the PNG; works until `expires_at`.")
    link: str | None = Field(description="Leads to a fresh presigned link for as long as the image is kept.")
    caption: str
    width: int
    height: int
    native_width: int
    native_height: int
    seed: int
    seed_index: int | None = Field(None, description="Tells apart the images that one call made from one seed.")
    bytes: int


class MissingDetail(BaseModel):
    """An image that was asked for and does not exist."""

    status: Literal["blocked", "failed"]
    reason: str
    seed: int
    seed_index: int | None = None


class DeletedDetail(BaseModel):
    """An image that was made, and was deleted since."""

    id: str
    status: Literal["deleted"]
    seed: int
    seed_index: int | None = None


Detail = StoredDetail | MissingDetail | DeletedDetail


class GenerationAnswer(BaseModel):
    message: str
    images: list[str] = Field(description="A presigned link to each image that was made, in order.")
    local_path: str = Field(description="The key prefix in the bucket.")
    id: str
    model: str
    cost_usd: float = Field(
        description="What the images that were made cost, by the catalog's prices or the operator's."
    )
    expires_at: datetime | None = Field(description="When the first of the links stops working; null without links.")
    details: list[Detail] = Field(description="One entry for each image asked for, in order.")
    warnings: list[GenerationWarning] = Field(description="Whatever was done otherwise than asked.")


def answer(generation: Generation, bucket: Bucket, stable_link: StableLink | None = None) -> GenerationAnswer:
    """The answer for a generation; without `stable_link`, as in a direct invocation, details have no such link."""
    links = {image.id: bucket.link(image.id) for image in generation.stored}
    return GenerationAnswer(
        message=_message(len(links), len(generation.images)),
        images=[link.url for link in links.values()],
        local_path=PREFIX,
        id=generation.id,
        model=generation.model,
        cost_usd=generation.cost_micros / MICROS_PER_USD,
        expires_at=_first_expiry(links.values()),
        details=[_detail(place, generation, links, stable_link) for place in range(len(generation.images))],
        warnings=list(generation.warnings),
    )


def _first_expiry(links: Iterable[Link]) -> datetime | None:
    first = min((link.expires_at for link in links), default=None)
    return first and first.replace(microsecond=0)


def _message(made: int, wanted: int) -> str:
    return "Images generated successfully" if made == wanted else f"{made} of {wanted} images generated"


def _detail(place: int, generation: Generation, links: dict[str, Link], stable_link: StableLink | None) -> Detail:
    image = generation.images[place]
    if isinstance(image, MissingImage):
        return MissingDetail(**image.model_dump())
    if isinstance(image, DeletedImage):
        return DeletedDetail(**image.model_dump())
    return stored_detail(image, place, len(generation.images), links[image.id], stable_link)


def stored_detail(
    image: StoredImage, index: int, requested: int, link: Link, stable_link: StableLink | None
) -> StoredDetail:
    """The entry of an image that was made, the one with that `index` from 0 of those `requested`."""
    return StoredDetail(
        **image.model_dump(),
        url=link.url,
        link=stable_link and stable_link(image.id),
        caption=f"Image {index + 1} of {requested}",
    )
