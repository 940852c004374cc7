"""The 200 body of a generation: its images with fresh links, its cost and its warnings."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from aws.bucket import PREFIX, Link
from imaging.images.renditions import ImageFile
from imaging.money import usd
from imaging.requests.result import (
    DeletedImage,
    Generation,
    GenerationWarning,
    MissingImage,
    StoredImage,
)

StableLink = Callable[[str], str]
"""Returns the lasting link of an image id: a URL of this API that redirects to a fresh presigned link."""


class StoredDetail(BaseModel):
    """A stored image. Sizes are pixels; `bytes` is the length of the file."""

    id: str = Field(description="The image's id.")
    status: Literal["stored"] = Field(description="Always stored.")
    url: str = Field(description="A presigned link to the file; works until `expires_at`.")
    link: str | None = Field(description="Leads to a fresh presigned link for as long as the image is stored.")
    caption: str = Field(description="As Image 1 of 2.")
    width: int = Field(description="Pixels of the file.")
    height: int = Field(description="Pixels of the file.")
    native_width: int = Field(description="Pixels that the model made.")
    native_height: int = Field(description="Pixels that the model made.")
    seed: int = Field(description="The seed that the model used.")
    seed_index: int | None = Field(None, description="Tells apart the images that one call made from one seed.")
    bytes: int = Field(description="The length of the file.")


class MissingDetail(BaseModel):
    """A requested image that was blocked by a content filter, or failed."""

    status: Literal["blocked", "failed"] = Field(
        description="Whether a filter withheld the image, or it could not be made or stored."
    )
    reason: str = Field(description="What happened, and what to do.")
    seed: int = Field(description="The seed that was used.")
    seed_index: int | None = Field(None, description="As for a stored image.")


class DeletedDetail(BaseModel):
    """An image that was deleted after it was made."""

    id: str = Field(description="The image's id.")
    status: Literal["deleted"] = Field(description="Always deleted; or the image has expired.")
    seed: int = Field(description="The seed that the model used, if it is still known.")
    seed_index: int | None = Field(None, description="As for a stored image.")


Detail = StoredDetail | MissingDetail | DeletedDetail


class GenerationAnswer(BaseModel):
    """What was made, with links that work now."""

    message: str = Field(description="How many of the images were made.")
    images: list[str] = Field(description="A presigned link to each image that was made, in order.")
    local_path: str = Field(description="The key prefix in the bucket.")
    id: str = Field(description="The generation's id, which is the job's too.")
    model: str = Field(description="The model that made the images.")
    cost_usd: float = Field(
        description="What the images that were made cost, by the catalog's prices or the operator's."
    )
    expires_at: datetime | None = Field(description="When the first of the links stops working; null without links.")
    details: list[Detail] = Field(description="One entry for each requested image, in order.")
    warnings: list[GenerationWarning] = Field(description="What was done differently from the request.")


def answer(
    generation: Generation, files: Sequence[ImageFile], stable_link: StableLink | None = None
) -> GenerationAnswer:
    """The body for a generation. Without `stable_link`, as in a direct invocation, `details` carry no lasting link."""
    by_id = {image.id: file for image, file in zip(generation.stored, files, strict=True)}
    return GenerationAnswer(
        message=_message(len(files), len(generation.images)),
        images=[file.link.url for file in files],
        local_path=PREFIX,
        id=generation.id,
        model=generation.model,
        cost_usd=usd(generation.cost_micros),
        expires_at=_first_expiry(file.link for file in files),
        details=[_detail(place, generation, by_id, stable_link) for place in range(len(generation.images))],
        warnings=[*generation.warnings, *substitutes(files)],
    )


def _first_expiry(links: Iterable[Link]) -> datetime | None:
    first = min((link.expires_at for link in links), default=None)
    return first and first.replace(microsecond=0)


def _message(made: int, wanted: int) -> str:
    return "Images generated successfully" if made == wanted else f"{made} of {wanted} images generated"


def _detail(place: int, generation: Generation, files: dict[str, ImageFile], stable_link: StableLink | None) -> Detail:
    image = generation.images[place]
    if isinstance(image, MissingImage):
        return MissingDetail(**image.model_dump())
    if isinstance(image, DeletedImage):
        return DeletedDetail(**image.model_dump())
    file = files[image.id]
    image = image.model_copy(update={"bytes": file.bytes})
    return stored_detail(image, place, len(generation.images), file.link, stable_link)


def substitutes(files: Sequence[ImageFile]) -> list[GenerationWarning]:
    """The warning where a file is not in the requested format."""
    if not any(file.is_substitute for file in files):
        return []
    return [
        GenerationWarning(
            code="rendition_failed",
            field="output_format",
            detail="An image could not be converted now, so its PNG is delivered. Its `link` tries again.",
        )
    ]


def stored_detail(
    image: StoredImage, index: int, requested: int, link: Link, stable_link: StableLink | None
) -> StoredDetail:
    """The entry of a stored image; `index` counts from 0 among the `requested` images."""
    return StoredDetail(
        **image.model_dump(),
        url=link.url,
        link=stable_link and stable_link(image.id),
        caption=f"Image {index + 1} of {requested}",
    )
