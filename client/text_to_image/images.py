"""Stored images, by their ids."""

from __future__ import annotations

import uuid

import httpx

from text_to_image import errors
from text_to_image.connection import Connection

EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp"}


async def link(api: Connection, image_id: str, output_format: str = "png", width: int | None = None) -> str:
    """Return a presigned link to the file."""
    path = f"/images/{checked(image_id, 'image')}.{EXTENSIONS.get(output_format, output_format)}"
    answer = await api.request("GET", path, params={} if width is None else {"width": width})
    return str(answer.headers["location"])


async def file(api: Connection, image_id: str, output_format: str = "png", width: int | None = None) -> bytes:
    return content(await api.fetch(await link(api, image_id, output_format, width)))


def content(answer: httpx.Response) -> bytes:
    if not answer.is_success:
        raise errors.ServiceFailed(f"An image's link answered with status {answer.status_code}.")
    return answer.content


def checked(name: str, what: str) -> str:
    try:
        return str(uuid.UUID(name))
    except ValueError as error:
        raise errors.NotFound(f"There is no such {what}.") from error
