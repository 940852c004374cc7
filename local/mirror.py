"""Copies each new image of the bucket into a local folder."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import ministack

PREFIX = "generated_images/"
SECONDS_BETWEEN_LOOKS = 0.5

log = logging.getLogger(__name__)


class Mirror:
    def __init__(self, endpoint: str, bucket: str, folder: Path) -> None:
        self._s3: Any = ministack.client("s3", endpoint)
        self._bucket = bucket
        self._folder = folder
        self._copied: dict[str, str] = {}

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.copy_new)
            except (BotoCoreError, ClientError, OSError):
                log.exception("The images could not be mirrored; trying again.")
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    def copy_new(self) -> None:
        for key, etag in self._images():
            if self._copied.get(key) != etag:
                self._copy(key)
                self._copied[key] = etag

    def _images(self) -> Iterator[tuple[str, str]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX)
        for page in pages:
            yield from ((item["Key"], item["ETag"]) for item in page.get("Contents", ()) if _is_image(item["Key"]))

    def _copy(self, key: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        whole = self._folder / PurePosixPath(key).name
        half = whole.with_name(f".{whole.name}.half")
        half.write_bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        half.replace(whole)


def _is_image(key: str) -> bool:
    return key.endswith(".png") and PurePosixPath(key).parent == PurePosixPath(PREFIX)
