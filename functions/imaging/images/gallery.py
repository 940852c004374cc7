"""The stored images: their bytes in the bucket, and whose they are in the table.

An image's record is `image#<id>`: its owner, where it came from, and its facts; listed by its owner and time. A deleted
image leaves a record that says so, so that its generation does not make it again.
"""

import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Protocol

from aws.bucket import BucketError, Link
from aws.table import LISTED_AT, LISTING, Page, Put, Record, TableError
from imaging.errors import DependencyUnavailable, NotFound, StorageFailed, table_needed
from imaging.requests.result import DeletedImage, Generation, StoredImage
from imaging.requests.submission import image_id
from observability import logger

_FACTS = ("seed", "seed_index", "width", "height", "native_width", "native_height", "bytes")
"""What an object's metadata repeats of its image, for when the record could not be written."""


class PngStore(Protocol):
    """Keeps PNGs under their images' ids. Raises BucketError."""

    def put(self, image_id: str, png: bytes, metadata: dict[str, str]) -> None: ...
    def find(self, image_id: str) -> Mapping[str, str] | None: ...
    def delete(self, image_id: str) -> None: ...
    def link(self, image_id: str) -> Link: ...


class RecordStore(Protocol):
    """Keeps records until they expire. Raises TableError."""

    def put(self, key: str, record: Record, expires_at: int) -> None: ...
    def get(self, key: str) -> Record | None: ...
    def get_many(self, keys: Collection[str]) -> Mapping[str, Record]: ...
    def listed(self, listing: str, limit: int, *, until: float | None = None, start: Record | None = None) -> Page: ...


@dataclass(frozen=True)
class Origin:
    """Where an image came from: the generation and its epoch, the image's `index` among those `requested`, the model
    and the price of one image in micro-dollars."""

    owner: str
    generation_id: str
    epoch: str
    index: int
    requested: int
    model: str
    price_micros: int


@dataclass(frozen=True)
class FoundImage:
    """An image of an earlier attempt, and the model that made it."""

    model: str
    facts: StoredImage | DeletedImage


@dataclass(frozen=True)
class ListedImage:
    """An entry of the caller's list of images; `made_at` is in epoch seconds."""

    image: StoredImage
    origin: Origin
    made_at: float


@dataclass(frozen=True)
class Gallery:
    """Every caller's images, each for the `retention`."""

    bucket: PngStore
    table: RecordStore
    retention: timedelta
    now: Callable[[], float] = time.time

    def store(self, origin: Origin, image: StoredImage, png: bytes) -> Put:
        """Stores an image; answers with the write of its record. Raises BucketError."""
        facts = {name: value for name in _FACTS if (value := getattr(image, name)) is not None}
        metadata = {"epoch": origin.epoch, "model": origin.model, "price_micros": origin.price_micros, **facts}
        self.bucket.put(image.id, png, {name.replace("_", "-"): str(value) for name, value in metadata.items()})
        return self._note(origin, image)

    def stored_after_all(self, origin: Origin, image: StoredImage) -> Put | None:
        """The write of the image's record, where the bucket stored it although no answer said so."""
        try:
            metadata = self.bucket.find(image.id)
        except BucketError:
            return None
        is_there = metadata is not None and metadata.get("epoch") == origin.epoch
        return self._note(origin, image) if is_there else None

    def note(self, note: Put) -> bool:
        """Writes an image's record; False where the table refused."""
        try:
            self.table.put(note.key, note.record, note.expires_at)
        except TableError as error:
            logger.warning("An image's record was not written", record=note.key, aws_error=error.code)
            return False
        return True

    def found(
        self, owner: str, generation_id: str, epoch: str, requested: int, *, also_in_bucket: bool = False
    ) -> Mapping[int, FoundImage]:
        """The images that attempts of this epoch made, by their index. After a crash an image may lie in the bucket
        without a record; then it gets one. Raises DependencyUnavailable."""
        ids = [image_id(generation_id, index) for index in range(requested)]
        records = self._get_many([_key(each) for each in ids])
        found = {index: _recorded(each, records.get(_key(each)), epoch) for index, each in enumerate(ids)}
        for index, each in enumerate(ids):
            if also_in_bucket and found[index] is None:
                origin = Origin(owner, generation_id, epoch, index, requested, model="", price_micros=0)
                found[index] = self._in_bucket(each, origin)
        return {index: image for index, image in found.items() if image is not None}

    def link(self, owner: str, image_id: str) -> Link:
        """A fresh presigned link. Raises NotFound for an image that is gone or another caller's."""
        self._find(owner, image_id)
        return self.bucket.link(image_id)

    def as_it_is_now(self, owner: str, generation: Generation) -> Generation:
        """The generation with images that were deleted since shown as such. Raises DependencyUnavailable."""
        records = self._get_many([_key(image.id) for image in generation.stored])
        there = {key for key, record in records.items() if _is_there(record, owner)}
        images = [
            _deleted(image) if isinstance(image, StoredImage) and _key(image.id) not in there else image
            for image in generation.images
        ]
        return generation.model_copy(update={"images": images})

    def listed(
        self, owner: str, limit: int, start: Record | None = None
    ) -> tuple[Sequence[ListedImage], Record | None]:
        """At most `limit` of the owner's images, the newest first, and where the next page starts. Raises
        DependencyUnavailable."""
        with table_needed():
            # One more than asked for shows whether there is a next page.
            page = self.table.listed(_listing(owner), limit + 1, start=start)
        shown = [_entry(record) for record in page.records[:limit]]
        if len(page.records) <= limit:
            return shown, page.next
        return shown, self.start_after(owner, shown[-1].image.id, shown[-1].made_at)

    def start_after(self, owner: str, image_id: str, made_at: float) -> Record:
        """Where a page starts that follows this image."""
        return {"id": _key(image_id), LISTING: _listing(owner), LISTED_AT: made_at}

    def delete(self, owner: str, image_id: str) -> None:
        """Deletes an image for good. Raises NotFound as `link` does; safe to repeat if it fails half-way."""
        record = self._find(owner, image_id)
        kept = {name: record[name] for name in ("owner", "epoch", "model", "seed", "seed_index") if name in record}
        try:
            self.bucket.delete(image_id)
        except BucketError as error:
            raise StorageFailed(
                "The bucket refused to delete the image. Send the request again.", aws_error=error.code
            ) from error
        with table_needed():
            self.table.put(_key(image_id), {**kept, "is_deleted": True}, record["expiration"])

    def _note(self, origin: Origin, image: StoredImage) -> Put:
        made_at = self.now()
        record = {
            **image.model_dump(exclude={"id", "status"}, exclude_none=True),
            **asdict(origin),
            "made_at": made_at,
            LISTING: _listing(origin.owner),
            LISTED_AT: made_at,
        }
        return Put(_key(image.id), record, int(made_at + self.retention.total_seconds()))

    def _in_bucket(self, image_id: str, origin: Origin) -> FoundImage | None:
        """An image whose function crashed before it wrote the record."""
        try:
            metadata = {name.replace("-", "_"): value for name, value in (self.bucket.find(image_id) or {}).items()}
        except BucketError as error:
            raise DependencyUnavailable(
                "The bucket did not answer. Send the request again.", aws_error=error.code
            ) from error
        if metadata.get("epoch") != origin.epoch:
            return None
        image = StoredImage(id=image_id, **{name: int(metadata[name]) for name in _FACTS if name in metadata})
        note = self._note(replace(origin, model=metadata["model"], price_micros=int(metadata["price_micros"])), image)
        with table_needed():
            self.table.put(note.key, note.record, note.expires_at)
        return FoundImage(metadata["model"], image)

    def _find(self, owner: str, image_id: str) -> Record:
        with table_needed():
            record = self.table.get(_key(image_id)) if _is_id(image_id) else None
        if record is None or not _is_there(record, owner):
            raise NotFound("There is no such image: it was deleted, its time is over, or it is another caller's.")
        return record

    def _get_many(self, keys: Collection[str]) -> Mapping[str, Record]:
        with table_needed():
            return self.table.get_many(keys)


def _recorded(image_id: str, record: Record | None, epoch: str) -> FoundImage | None:
    if record is None or record.get("epoch") != epoch:
        return None
    if record.get("is_deleted"):
        return FoundImage(record["model"], _deleted_record(image_id, record))
    return FoundImage(record["model"], _image(image_id, record))


def _image(image_id: str, record: Record) -> StoredImage:
    return StoredImage(id=image_id, **{name: record[name] for name in _FACTS if name in record})


def _entry(record: Record) -> ListedImage:
    origin = Origin(**{name: record[name] for name in Origin.__dataclass_fields__})
    return ListedImage(_image(_id_of(record["id"]), record), origin, record["made_at"])


def _deleted(image: StoredImage) -> DeletedImage:
    return DeletedImage(id=image.id, seed=image.seed, seed_index=image.seed_index)


def _deleted_record(image_id: str, record: Record) -> DeletedImage:
    return DeletedImage(id=image_id, seed=record["seed"], seed_index=record.get("seed_index"))


def _is_there(record: Record, owner: str) -> bool:
    return bool(record["owner"] == owner and not record.get("is_deleted"))


def _listing(owner: str) -> str:
    return f"images#{owner}"


def _key(image_id: str) -> str:
    return f"image#{image_id}"


def _id_of(key: str) -> str:
    return key.removeprefix("image#")


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
