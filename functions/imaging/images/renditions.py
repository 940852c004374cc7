"""Renditions of stored images: made when first asked for, kept beside the original, deleted with it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aws.bucket import BucketError, Link
from imaging import ports
from imaging.errors import DependencyUnavailable, ImagingError, NotFound
from imaging.images.encoding import Format, Rendition, encode
from imaging.images.gallery import Gallery
from imaging.images.png import NotAWholePng
from imaging.images.signing import Signer
from imaging.requests.result import StoredImage
from observability import logger

_PREVIEW_COMPRESSIONS = (90, 60, 30)


@dataclass(frozen=True)
class ImageFile:
    """A file of an image, by a presigned link, and its length. `is_substitute` means the PNG in place of a rendition
    that could not be made."""

    link: Link
    bytes: int
    is_substitute: bool = False


@dataclass(frozen=True)
class Renditions:
    """Everything raises DependencyUnavailable, and NotFound for an image that is deleted, expired or another
    caller's."""

    gallery: Gallery
    bucket: ports.Bucket
    signer: Signer | None = None

    def link(self, owner: str, image_id: str, wanted: Rendition) -> Link:
        """A fresh presigned link to the rendition, which is never wider than the original."""
        if wanted.is_original:
            return self.gallery.link(owner, image_id)
        wanted = wanted.no_wider_than(self.gallery.facts(owner, image_id).width)
        if wanted.is_original:
            return self.bucket.link(image_id)
        return self._file(owner, image_id, wanted).link

    def files(self, owner: str, images: Sequence[StoredImage], wanted: Rendition) -> Sequence[ImageFile]:
        """The files of an answer, in the images' order. What was paid for is never lost: an image whose rendition
        cannot be made is delivered as its PNG."""
        if wanted.is_original or not images:
            return [self._original(image) for image in images]
        with ThreadPoolExecutor(max_workers=len(images)) as pool:
            return list(pool.map(lambda image: self._file_or_original(owner, image, wanted), images))

    def contents(self, owner: str, images: Sequence[StoredImage], wanted: Rendition) -> Sequence[bytes]:
        """The bytes of the same files. A rendition that cannot be stored is delivered all the same. Raises BucketError
        and NotAWholePng."""
        with ThreadPoolExecutor(max_workers=len(images)) as pool:
            return list(pool.map(lambda image: self._content(owner, image.id, wanted), images))

    def preview(self, owner: str, image: StoredImage, side: int, most_bytes: int) -> bytes | None:
        """A WebP for showing the image inside an answer: at most `side` pixels wide and high, and at most `most_bytes`
        long. None if it cannot be made, or would be longer even at the lowest quality."""
        width = max(1, min(image.width, side, side * image.width // image.height))
        try:
            for compression in _PREVIEW_COMPRESSIONS:
                data = self._data(
                    owner, image.id, Rendition(Format.WEBP, width, compression).no_wider_than(image.width)
                )
                if len(data) <= most_bytes:
                    return data
        except (ImagingError, BucketError) as error:
            logger.warning("A preview was not made", image_id=image.id, error_name=type(error).__name__)
        return None

    def _content(self, owner: str, image_id: str, wanted: Rendition) -> bytes:
        if wanted.is_original:
            return self.bucket.read(image_id)
        try:
            return self._data(owner, image_id, wanted)
        except (BucketError, ImagingError) as error:
            _note_failure(image_id, error)
            return encode(self.bucket.read(image_id), wanted)

    def _data(self, owner: str, image_id: str, wanted: Rendition) -> bytes:
        stored = self.bucket.read_rendition(image_id, wanted.name)
        return self._make(owner, image_id, wanted) if stored is None else stored

    def _file_or_original(self, owner: str, image: StoredImage, wanted: Rendition) -> ImageFile:
        try:
            return self._file(owner, image.id, wanted)
        except ImagingError as error:
            _note_failure(image.id, error)
            return ImageFile(self.bucket.link(image.id), image.bytes, is_substitute=True)

    def _original(self, image: StoredImage) -> ImageFile:
        return ImageFile(self.bucket.link(image.id), image.bytes)

    def _file(self, owner: str, image_id: str, wanted: Rendition) -> ImageFile:
        try:
            length = self.bucket.rendition_bytes(image_id, wanted.name)
            if length is None:
                length = len(self._make(owner, image_id, wanted))
        except BucketError as error:
            raise DependencyUnavailable(
                "The bucket did not answer. Send the request again.", aws_error=error.code
            ) from error
        return ImageFile(self.bucket.rendition_link(image_id, wanted.name), length)

    def _make(self, owner: str, image_id: str, wanted: Rendition) -> bytes:
        try:
            original = self.bucket.read(image_id)
            data = self._signed(owner, image_id, original, encode(original, wanted), wanted)
        except NotAWholePng as error:
            raise DependencyUnavailable(f"The image cannot be converted: {error}. Ask for the PNG.") from error
        self.gallery.note_digest(owner, image_id, data)
        is_first = self.bucket.put_rendition(image_id, wanted.name, data, wanted.format.content_type)
        stored = data if is_first else self.bucket.read_rendition(image_id, wanted.name) or data
        if stored != data:
            # No two signatures are the same, and ours is not delivered.
            self.gallery.forget_file(owner, image_id, data)
        self._undo_if_deleted(owner, image_id, stored)
        return stored

    def _signed(self, owner: str, image_id: str, original: bytes, data: bytes, wanted: Rendition) -> bytes:
        """A rendition that cannot be signed is delivered all the same."""
        if self.signer is None:
            return data
        model = self.gallery.model(owner, image_id)
        signed = self.signer.signed(data, wanted.format, original, model, list(_edits(wanted)))
        return data if signed is None else signed.data

    def _undo_if_deleted(self, owner: str, image_id: str, data: bytes) -> None:
        """The image may have been deleted while the rendition was made."""
        try:
            self.gallery.facts(owner, image_id)
        except NotFound:
            self.bucket.delete_renditions(image_id)
            self.gallery.forget_file(owner, image_id, data)
            raise


def _note_failure(image_id: str, error: BucketError | ImagingError) -> None:
    aws_error = error.code if isinstance(error, BucketError) else error.aws_error
    logger.warning("A rendition was not made", image_id=image_id, code=error.code, aws_error=aws_error)


def _edits(rendition: Rendition) -> Iterator[str]:
    """The C2PA actions that make the rendition."""
    if rendition.width is not None:
        yield "c2pa.resized"
    if rendition.format is not Format.PNG:
        yield "c2pa.transcoded"
