"""The stored images: bytes in the bucket, records in the table.

The record `image#<id>` has the image's owner, origin and facts, and is listed by owner and time. The record of a
deleted image stays without its facts: its owner, when it was deleted, and its epoch, so that its generation does not
make it again. `digest#<owner>#<SHA-256>` finds the image of a file; an image's digests are listed, and deleted with it.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from aws.bucket import BucketError, Link
from aws.table import LISTED_AT, LISTING, ConditionFailed, Delete, Equal, NotEqual, Page, Put, Record, TableError
from imaging import ports
from imaging.errors import DependencyUnavailable, NotFound, StorageFailed, table_needed
from imaging.ids import image_id, is_id
from imaging.requests.result import DeletedImage, Generation, StoredImage
from observability import logger

_FACTS = ("seed", "seed_index", "width", "height", "native_width", "native_height", "bytes", "sha256", "manifest")
"""The facts that the object's metadata repeat, in case the record is not written."""

_LISTED_FACTS = (*_FACTS, "signed_by")
"""A name may have characters that metadata cannot have."""

DIGESTS_PAGE = 50


@dataclass(frozen=True)
class Origin:
    """Where an image came from: the generation and its epoch, the image's `index` among the `requested` ones, the
    model, and the price of the image in micro-dollars."""

    owner: str
    generation_id: str
    epoch: str
    index: int
    requested: int
    model: str
    price_micros: int


@dataclass(frozen=True)
class Place:
    """An image's generation, its epoch, and the image's index."""

    generation_id: str
    epoch: str
    index: int


@dataclass(frozen=True)
class FoundImage:
    """An image of an earlier attempt, and the model that made it; None for a deleted image."""

    model: str | None
    facts: StoredImage | DeletedImage


@dataclass(frozen=True)
class ListedImage:
    """An entry of an owner's list of images. `made_at` is in epoch seconds."""

    image: StoredImage
    origin: Origin
    made_at: float


@dataclass(frozen=True)
class Gallery:
    """The images of all callers. Each is stored for the `retention`."""

    bucket: ports.Bucket
    table: ports.Table
    retention: timedelta
    now: Callable[[], float] = time.time

    def store(self, origin: Origin, image: StoredImage, png: bytes) -> Put:
        """Stores an image and returns the write of its record. Raises BucketError."""
        facts = {name: value for name in _FACTS if (value := getattr(image, name)) is not None}
        metadata = {"epoch": origin.epoch, "model": origin.model, "price_micros": origin.price_micros, **facts}
        self.bucket.put(image.id, png, {name.replace("_", "-"): str(value) for name, value in metadata.items()})
        return self._record(origin, image)

    def confirmed(self, origin: Origin, image: StoredImage) -> Put | None:
        """The write of the image's record, if the bucket has stored the image although the put failed; else None."""
        try:
            metadata = self.bucket.find(image.id)
        except BucketError:
            return None
        is_stored = metadata is not None and metadata.get("epoch") == origin.epoch
        return self._record(origin, image) if is_stored else None

    def write(self, record: Put) -> bool:
        """Writes an image's record, unless it is there. Returns False if the table refused."""
        try:
            self._write(record)
        except TableError as error:
            logger.warning("An image's record was not written", record=record.key, aws_error=error.code)
            return False
        return True

    def found(
        self, owner: str, generation_id: str, epoch: str, requested: int, *, also_in_bucket: bool = False
    ) -> Mapping[int, FoundImage]:
        """The images that attempts of this epoch made, by index. A crash can leave an image in the bucket without a
        record; `also_in_bucket` looks for such images and writes their records. Raises DependencyUnavailable."""
        ids = [image_id(generation_id, index) for index in range(requested)]
        records = self._get_many([_key(each) for each in ids])
        found = {index: _recorded(each, records.get(_key(each)), epoch) for index, each in enumerate(ids)}
        for index, each in enumerate(ids):
            if also_in_bucket and found[index] is None:
                origin = Origin(owner, generation_id, epoch, index, requested, model="", price_micros=0)
                found[index] = self._in_bucket(each, origin)
        return {index: image for index, image in found.items() if image is not None}

    def link(self, owner: str, image_id: str) -> Link:
        """A fresh presigned link. Raises NotFound for an image that is deleted, expired or another caller's."""
        self._find(owner, image_id)
        return self.bucket.link(image_id)

    def image(self, owner: str, image_id: str) -> ListedImage:
        """An image and its origin. Raises NotFound as `link` does, and for an image of the first version."""
        record = self._find(owner, image_id)
        if "epoch" not in record:
            raise NotFound("The image was made by an older version, which did not record where it comes from.")
        return _entry(record)

    def facts(self, owner: str, image_id: str) -> StoredImage:
        """An image of any version. Raises NotFound as `link` does."""
        return _image(image_id, self._find(owner, image_id))

    def model(self, owner: str, image_id: str) -> str:
        """The model that made an image of any version. Raises NotFound as `link` does."""
        model: str = self._find(owner, image_id)["model"]
        return model

    def place(self, owner: str, image_id: str) -> Place | None:
        """The image's place in its generation; None for an image of the first version. Raises NotFound as `link`
        does."""
        record = self._find(owner, image_id)
        return Place(record["generation_id"], record["epoch"], record["index"]) if "epoch" in record else None

    def by_digest(self, owner: str, sha256: str) -> ListedImage | None:
        """The owner's image that has a file of that SHA-256, the original or a rendition. Raises
        DependencyUnavailable."""
        with table_needed():
            found = self.table.get(_digest_key(owner, sha256))
        try:
            return self.image(owner, found["image_id"]) if found else None
        except NotFound:
            return None

    def note_digest(self, owner: str, image_id: str, data: bytes) -> None:
        """Lets `by_digest` find the image by this file. Raises as `link` does."""
        record = self._find(owner, image_id)
        digest = hashlib.sha256(data).hexdigest()
        put = _digest(owner, digest, image_id, self.now(), record["expiration"])
        with table_needed():
            self.table.put(put.key, put.record, put.expires_at)

    def forget_file(self, owner: str, image_id: str, data: bytes) -> None:
        """Undoes `note_digest`. Raises DependencyUnavailable."""
        with table_needed():
            self._delete_digest(_digest_key(owner, hashlib.sha256(data).hexdigest()), image_id)

    def current(self, owner: str, generation: Generation) -> Generation:
        """The generation, with images that were deleted since marked as deleted. Raises DependencyUnavailable."""
        records = self._get_many([_key(image.id) for image in generation.stored])
        there = {key for key, record in records.items() if _is_live(record, owner)}
        images = [
            image.deleted() if isinstance(image, StoredImage) and _key(image.id) not in there else image
            for image in generation.images
        ]
        return generation.model_copy(update={"images": images})

    def listed(
        self, owner: str, limit: int, start: Record | None = None
    ) -> tuple[Sequence[ListedImage], Record | None]:
        """At most `limit` of the owner's images, the newest first, and the start of the next page, if there is one.

        Raises DependencyUnavailable."""
        with table_needed():
            # One more than the limit shows whether there is a next page.
            page = self.table.listed(_listing(owner), limit + 1, start=start)
        shown = [_entry(record) for record in page.records[:limit]]
        if len(page.records) <= limit:
            return shown, page.next
        return shown, self.start_after(owner, shown[-1].image.id, shown[-1].made_at)

    def start_after(self, owner: str, image_id: str, made_at: float) -> Record:
        """The start of the page that follows this image. `made_at` is in epoch seconds."""
        return {"id": _key(image_id), LISTING: _listing(owner), LISTED_AT: made_at}

    def delete(self, owner: str, image_id: str) -> None:
        """Deletes an image; a retry is safe. Raises NotFound as `link` does, StorageFailed, DependencyUnavailable."""
        record = self._find(owner, image_id)
        with _deletion():
            self.bucket.delete(image_id)
            self.bucket.delete_renditions(image_id)
        with table_needed():
            for digest in self._digests_of(image_id, record):
                self._delete_digest(digest, image_id)
            self.table.put(_key(image_id), self._tombstone(record), record["expiration"])
        # One may have been stored in between; after this, whoever makes one sees the deletion and takes it back.
        with _deletion():
            self.bucket.delete_renditions(image_id)

    def _tombstone(self, record: Record) -> Record:
        kept = {name: record[name] for name in ("owner", "epoch") if name in record}
        return {**kept, "is_deleted": True, "deleted_at": self.now()}

    def _record(self, origin: Origin, image: StoredImage) -> Put:
        made_at = self.now()
        record = {
            **image.model_dump(exclude={"id", "status"}, exclude_none=True),
            **asdict(origin),
            "made_at": made_at,
            LISTING: _listing(origin.owner),
            LISTED_AT: made_at,
        }
        expires_at = int(made_at + self.retention.total_seconds())
        return Put(_key(image.id), record, expires_at, NotEqual("epoch", origin.epoch))

    def _write(self, record: Put) -> None:
        with suppress(ConditionFailed):
            self.table.write([record, *digests(record)], secrets.token_hex(16))

    def _in_bucket(self, image_id: str, origin: Origin) -> FoundImage | None:
        """An image without a record: its function crashed before it wrote one."""
        try:
            metadata = {name.replace("-", "_"): value for name, value in (self.bucket.find(image_id) or {}).items()}
        except BucketError as error:
            raise DependencyUnavailable(
                "The bucket did not answer. Send the request again.", aws_error=error.code
            ) from error
        if metadata.get("epoch") != origin.epoch:
            return None
        image = StoredImage.model_validate(
            {"id": image_id, **{name: metadata[name] for name in _FACTS if name in metadata}}
        )
        put = self._record(replace(origin, model=metadata["model"], price_micros=int(metadata["price_micros"])), image)
        with table_needed():
            self._write(put)
        return FoundImage(metadata["model"], image)

    def _digests_of(self, image_id: str, record: Record) -> Iterator[str]:
        """The keys by which `by_digest` finds the image: its original's, and its renditions'."""
        if sha256 := record.get("sha256"):
            yield _digest_key(record["owner"], sha256)
        page = Page((), None)
        while True:
            page = self.table.listed(_digests_listing(image_id), DIGESTS_PAGE, start=page.next)
            yield from [digest["id"] for digest in page.records]
            if page.next is None:
                return

    def _delete_digest(self, key: str, image_id: str) -> None:
        """Deletes a digest, unless another image has the same file."""
        with suppress(ConditionFailed):
            self.table.write([Delete(key, Equal("image_id", image_id))], secrets.token_hex(8))

    def _find(self, owner: str, image_id: str) -> Record:
        with table_needed():
            record = self.table.get(_key(image_id)) if is_id(image_id) else None
        if record is None or not _is_live(record, owner):
            raise NotFound("There is no such image: it was deleted, has expired, or belongs to another caller.")
        return record

    def _get_many(self, keys: Collection[str]) -> Mapping[str, Record]:
        with table_needed():
            return self.table.get_many(keys)


@contextmanager
def _deletion() -> Iterator[None]:
    try:
        yield
    except BucketError as error:
        raise StorageFailed(
            "The bucket refused to delete the image. Send the request again.", aws_error=error.code
        ) from error


def digests(image: Put) -> list[Put]:
    """The write that lets `by_digest` find an image by its original."""
    sha256 = image.record.get("sha256")
    if sha256 is None:
        return []
    return [_digest(image.record["owner"], sha256, _id_of(image.key), image.record["made_at"], image.expires_at)]


def _digest(owner: str, sha256: str, image_id: str, at: float, expires_at: int) -> Put:
    record = {"image_id": image_id, LISTING: _digests_listing(image_id), LISTED_AT: at}
    return Put(_digest_key(owner, sha256), record, expires_at)


def _recorded(image_id: str, record: Record | None, epoch: str) -> FoundImage | None:
    if record is None or record.get("epoch") != epoch:
        return None
    if record.get("is_deleted"):
        return FoundImage(None, DeletedImage(id=image_id))
    return FoundImage(record["model"], _image(image_id, record))


def _image(image_id: str, record: Record) -> StoredImage:
    return StoredImage(id=image_id, **{name: record[name] for name in _LISTED_FACTS if name in record})


def _entry(record: Record) -> ListedImage:
    origin = Origin(**{name: record[name] for name in Origin.__dataclass_fields__})
    return ListedImage(_image(_id_of(record["id"]), record), origin, record["made_at"])


def _is_live(record: Record, owner: str) -> bool:
    return bool(record["owner"] == owner and not record.get("is_deleted"))


def _listing(owner: str) -> str:
    return f"images#{owner}"


def _key(image_id: str) -> str:
    return f"image#{image_id}"


def _digests_listing(image_id: str) -> str:
    return f"digests#{image_id}"


def _digest_key(owner: str, sha256: str) -> str:
    return f"digest#{owner}#{sha256}"


def _id_of(key: str) -> str:
    return key.removeprefix("image#")
