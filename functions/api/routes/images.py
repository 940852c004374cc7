"""GET /images, GET and DELETE /images/{id}.png."""

import base64
import json
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel, Field, TypeAdapter

import bootstrap
from api.answer import StoredDetail, stored_detail
from api.caller import caller, stable_link
from api.responses import REQUEST_ID, answers, refusals
from aws.table import LISTED_AT, Record
from imaging.errors import FieldError, InvalidRequest
from imaging.images.encoding import LARGEST_WIDTH, SMALLEST_WIDTH, Format, Rendition
from imaging.images.gallery import ListedImage
from imaging.images.provenance import GENERATOR, SOURCE_TYPE
from imaging.money import usd

router = APIGatewayRouter()

DEFAULT_PAGE, LARGEST_PAGE = 24, 100

_POSITION = TypeAdapter(tuple[str, uuid.UUID, Annotated[float, Field(strict=True, ge=1, lt=1e11)]])
"""A cursor's content: the owner, and the id and time (epoch seconds) of the page's last image."""


class ListedDetail(StoredDetail):
    """An image of the caller's, and where it came from."""

    made_at: datetime = Field(description="When the image was stored.")
    model: str = Field(description="The model that made the image.")
    generation_id: str = Field(description="The generation that the image belongs to.")
    cost_usd: float = Field(description="What the image cost.")


class ImagesPage(BaseModel):
    """The caller's images, the newest first."""

    images: list[ListedDetail] = Field(description="At most `limit` images.")
    next_cursor: str | None = Field(description="For the next page; null on the last.")


class Provenance(BaseModel):
    """An image's origin, from its record."""

    id: str = Field(description="The image's id.")
    model: str = Field(description="The model that made the image.")
    made_at: datetime = Field(description="When the image was stored.")
    generation_id: str = Field(description="The generation that the image belongs to.")
    sha256: str | None = Field(description="Of the stored PNG; null for images of older versions.")
    digital_source_type: str = Field(SOURCE_TYPE, description="IPTC's term for what a model made.")
    generator: str = Field(GENERATOR, description="This program and its version.")
    content_credentials: Literal["model", "operator"] | None = Field(
        description="Who signed the C2PA manifest that the PNG carries: the model, unchanged, the operator, or nobody."
    )
    signed_by: str | None = Field(
        description="The name in the operator's certificate; null if unknown or not the operator's signature."
    )


Width = Annotated[
    int | None,
    Query(
        ge=SMALLEST_WIDTH,
        le=LARGEST_WIDTH,
        description="Pixels, 64 to 2048; nothing is enlarged. Left out: the original's.",
    ),
]

_REDIRECT: dict[int, OpenAPIResponse] = {
    302: {
        "description": "Redirects to the file.",
        "headers": REQUEST_ID
        | {
            "Location": {"description": "A fresh presigned link.", "schema": {"type": "string", "format": "uri"}},
            "Cache-Control": {"description": "Always private, no-store.", "schema": {"type": "string"}},
        },
    },
    **refusals(400, 401, 404, 429, 500, 503),
}
_DELETED: dict[int, OpenAPIResponse] = {
    204: {"description": "The image is deleted.", "headers": REQUEST_ID},
    **refusals(401, 404, 429, 500, 503),
}


@router.get(
    "/images",
    summary="The caller's images, the newest first",
    tags=["Images"],
    operation_id="listImages",
    description="Each entry is as in the `details` of the answer that brought the image, with a fresh link.",
    responses=answers(ImagesPage, "A page of images.", 400, 401, 429, 500, 503),
)
def listed(
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="1 to 100.")] = DEFAULT_PAGE,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    sha256: Annotated[
        str | None,
        Query(
            pattern="^[0-9a-f]{64}$",
            description="Only the image that has a file of this SHA-256, the PNG or a rendition.",
        ),
    ] = None,
) -> ImagesPage:
    owner = caller(router.current_event)
    start = None if cursor is None else _start(owner, cursor)
    if sha256 is not None:
        found = bootstrap.services().gallery.by_digest(owner, sha256)
        return ImagesPage(images=[_listed(found)] if found else [], next_cursor=None)
    images, following = bootstrap.services().gallery.listed(owner, limit, start)
    return ImagesPage(
        images=[_listed(image) for image in images],
        next_cursor=following and _cursor(owner, following),
    )


def _listed(listed: ListedImage) -> ListedDetail:
    image, origin = listed.image, listed.origin
    link = bootstrap.services().bucket.link(image.id)
    detail = stored_detail(image, origin.index, origin.requested, link, stable_link(router.current_event))
    return ListedDetail(
        **detail.model_dump(),
        made_at=_made_at(listed),
        model=origin.model,
        generation_id=origin.generation_id,
        cost_usd=usd(origin.price_micros),
    )


def _made_at(listed: ListedImage) -> datetime:
    return datetime.fromtimestamp(int(listed.made_at), UTC)


def _cursor(owner: str, position: Record) -> str:
    text = json.dumps([owner, position["id"].removeprefix("image#"), position[LISTED_AT]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _start(owner: str, cursor: str) -> Record:
    """The start that the caller's cursor names. Raises InvalidRequest for any other text."""
    try:
        cursor_owner, image_id, listed_at = _POSITION.validate_json(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        )
        if cursor_owner == owner:
            return bootstrap.services().gallery.start_after(owner, str(image_id), listed_at)
    except ValueError:
        pass
    message = "Must be next_cursor of a page of your own"
    raise InvalidRequest(f"The request is not valid. cursor: {message}", fields=[FieldError("cursor", message)])


@router.get(
    "/images/<image_id>.png",
    summary="Follow an image's lasting link",
    tags=["Images"],
    operation_id="followImage",
    description="Redirects to a fresh presigned link for as long as the image is kept.",
    responses=_REDIRECT,
)
def redirect(image_id: str, width: Width = None) -> Response[str]:
    return _redirect(image_id, Rendition(Format.PNG, width))


@router.get(
    "/images/<image_id>.jpg",
    summary="Follow an image's link to a JPEG",
    tags=["Images"],
    operation_id="followJpeg",
    description="As the PNG's. The JPEG is made when it is first asked for.",
    responses=_REDIRECT,
)
def redirect_to_jpeg(image_id: str, width: Width = None) -> Response[str]:
    return _redirect(image_id, Rendition(Format.JPEG, width))


@router.get(
    "/images/<image_id>.webp",
    summary="Follow an image's link to a WebP",
    tags=["Images"],
    operation_id="followWebp",
    description="As the PNG's. The WebP is made when it is first asked for.",
    responses=_REDIRECT,
)
def redirect_to_webp(image_id: str, width: Width = None) -> Response[str]:
    return _redirect(image_id, Rendition(Format.WEBP, width))


def _redirect(image_id: str, rendition: Rendition) -> Response[str]:
    link = bootstrap.services().renditions.link(caller(router.current_event), image_id, rendition)
    headers = {"Location": link.url, "Cache-Control": "private, no-store"}
    return Response(HTTPStatus.FOUND, body="", headers=dict(headers))


@router.get(
    "/images/<image_id>/provenance",
    summary="Where an image comes from",
    tags=["Images"],
    operation_id="imageProvenance",
    description="What the record says, for files that lost their metadata on the way. `GET /images?sha256=` finds the "
    "image of a file.",
    responses=answers(Provenance, "The image's origin.", 401, 404, 429, 500, 503),
)
def provenance(image_id: str) -> Provenance:
    found = bootstrap.services().gallery.image(caller(router.current_event), image_id)
    return Provenance(
        id=image_id,
        model=found.origin.model,
        made_at=_made_at(found),
        generation_id=found.origin.generation_id,
        sha256=found.image.sha256,
        content_credentials=found.image.manifest,
        signed_by=found.image.signed_by,
    )


@router.delete(
    "/images/<image_id>.png",
    summary="Delete an image",
    tags=["Images"],
    operation_id="deleteImage",
    description="Deletes it for good; links to it stop working. What it cost is not given back.",
    responses=_DELETED,
)
def delete(image_id: str) -> Response[str]:
    bootstrap.services().eraser.delete(caller(router.current_event), image_id)
    return Response(HTTPStatus.NO_CONTENT, body="")
