"""GET and DELETE /images/{id}.png."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

import bootstrap
from api.caller import caller
from api.responses import REQUEST_ID, refusals

router = APIGatewayRouter()

_REDIRECT: dict[int, OpenAPIResponse] = {
    302: {
        "description": "The way to the PNG.",
        "headers": REQUEST_ID
        | {
            "Location": {"description": "A fresh presigned link.", "schema": {"type": "string", "format": "uri"}},
            "Cache-Control": {"description": "Always private, no-store.", "schema": {"type": "string"}},
        },
    },
    **refusals(401, 404, 429, 500, 503),
}
_DELETED: dict[int, OpenAPIResponse] = {
    204: {"description": "The image is deleted.", "headers": REQUEST_ID},
    **refusals(401, 404, 429, 500, 503),
}


@router.get(
    "/images/<image_id>.png",
    summary="Follow an image's lasting link",
    tags=["Images"],
    operation_id="followImage",
    responses=_REDIRECT,
)
def redirect(image_id: str) -> Response[str]:
    link = bootstrap.gallery().link(caller(router.current_event), image_id)
    headers = {"Location": link.url, "Cache-Control": "private, no-store"}
    return Response(HTTPStatus.FOUND, body="", headers=dict(headers))


@router.delete(
    "/images/<image_id>.png",
    summary="Delete an image",
    tags=["Images"],
    operation_id="deleteImage",
    responses=_DELETED,
)
def delete(image_id: str) -> Response[str]:
    bootstrap.gallery().delete(caller(router.current_event), image_id)
    return Response(HTTPStatus.NO_CONTENT, body="")
