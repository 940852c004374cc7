"""The images that are kept: their bytes in the bucket, and whose they are in the table."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from aws.bucket import BucketError, Link
from aws.table import Record, TableError
from imaging.errors import DependencyUnavailable, NotFound, StorageFailed
from imaging.result import DeletedImage, Generation, ImageFacts, StoredImage
from observability import logger


class PngStore(Protocol):
    """Keeps PNGs under their images' ids. Raises BucketError."""

    def put(self, image_id: str, png: bytes, metadata: dict[str, str]) -> None: ...
    def delete(self, image_id: str) -> None: ...
    def link(self, image_id: str) -> Link: ...


class RecordStore(Protocol):
    """Keeps records until they expire. Raises TableError."""

    def put(self, key: str, record: Record, expires_at: int) -> None: ...
    def get(self, key: str) -> Record | None: ...
    def get_many(self, keys: Collection[str]) -> Mapping[str, Record]: ...
    def delete(self, key: str) -> None: ...


@dataclass(frozen=True)
class Gallery:
    """Every caller's images, each for the `retention`."""

    bucket: PngStore
    table: RecordStore
    retention: timedelta
    now: Callable[[], float] = time.time

    def keep(self, owner: str, model: str, image: StoredImage, png: bytes) -> bool:
        """Stores an image and notes whose it is. Raises BucketError where it could not be stored.

        False where it lies in the bucket, but could not be noted: then only its presigned link leads to it.
        """
        self.bucket.put(image.id, png, {"model": model, "seed": str(image.seed)})
        made_at = int(self.now())
        record = {**image.model_dump(exclude={"id"}), "owner": owner, "model": model, "made_at": made_at}
        try:
            self.table.put(_key(image.id), record, made_at + int(self.retention.total_seconds()))
        except TableError as error:
            logger.warning("An image could not be noted", image_id=image.id, aws_error=error.code)
            return False
        return True

    def kept(self, owner: str, model: str, image_ids: Collection[str], seconds: float) -> Mapping[str, StoredImage]:
        """Those of the images that this model made for this owner within the last `seconds`, by their ids. Raises
        DependencyUnavailable."""
        try:
            records = self.table.get_many([_key(image_id) for image_id in image_ids])
        except TableError as error:
            raise _table_down(error) from error
        found = {image_id: records.get(_key(image_id)) for image_id in image_ids}
        return {
            image_id: StoredImage.model_validate({**record, "id": image_id})
            for image_id, record in found.items()
            if record
            and (record["owner"], record["model"]) == (owner, model)
            and record["made_at"] >= self.now() - seconds
        }

    def link(self, owner: str, image_id: str) -> Link:
        """A fresh presigned link. Raises NotFound for an image that is gone or another caller's."""
        self._find(owner, image_id)
        return self.bucket.link(image_id)

    def as_it_is_now(self, owner: str, generation: Generation) -> Generation:
        """The generation with its deleted images told as such. Raises DependencyUnavailable."""
        images = [self._as_it_is_now(owner, image) for image in generation.images]
        return generation.model_copy(update={"images": images})

    def _as_it_is_now(self, owner: str, image: ImageFacts) -> ImageFacts:
        if isinstance(image, StoredImage) and not self._is_kept(owner, image.id):
            return DeletedImage(id=image.id, seed=image.seed, seed_index=image.seed_index)
        return image

    def delete(self, owner: str, image_id: str) -> None:
        """Deletes an image for good. Raises NotFound as `link` does; safe to repeat if it fails half-way."""
        self._find(owner, image_id)
        try:
            self.bucket.delete(image_id)
            self.table.delete(_key(image_id))
        except BucketError as error:
            raise StorageFailed(
                "The bucket refused to delete the image. Send the request again.", aws_error=error.code
            ) from error
        except TableError as error:
            raise _table_down(error) from error

    def _is_kept(self, owner: str, image_id: str) -> bool:
        try:
            record = self.table.get(_key(image_id)) if _is_id(image_id) else None
        except TableError as error:
            raise _table_down(error) from error
        return record is not None and record["owner"] == owner

    def _find(self, owner: str, image_id: str) -> None:
        if not self._is_kept(owner, image_id):
            raise NotFound("There is no such image: it was deleted, its time is over, or it is another caller's.")


def _key(image_id: str) -> str:
    return f"image#{image_id}"


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _table_down(error: TableError) -> DependencyUnavailable:
    return DependencyUnavailable("The table did not answer. Send the request again.", aws_error=error.code)
