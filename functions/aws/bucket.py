"""Stores PNGs in the bucket and presigns links to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aws import clients
from aws.errors import ServiceError, raising

PREFIX = "generated_images"
RENDITIONS = "renditions"


_NOT_THERE = {"403", "404", "NoSuchKey"}
_NOT_READABLE = {"NoSuchKey", "AccessDenied"}
"""As `_NOT_THERE`, of GetObject."""


class BucketError(ServiceError):
    """Raised by every call to the bucket."""


@dataclass(frozen=True)
class Link:
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Bucket:
    """The image bucket, by its name. Links work for `link_minutes`."""

    name: str
    link_minutes: int

    def put(self, image_id: str, png: bytes, metadata: dict[str, str]) -> None:
        """Stores a PNG under its image's id. Raises BucketError."""
        with raising(BucketError):
            clients.s3().put_object(
                Bucket=self.name, Key=key(image_id), Body=png, ContentType="image/png", Metadata=metadata
            )

    def find(self, image_id: str) -> Mapping[str, str] | None:
        """The object's metadata, with its length as `bytes`; None if there is no such object. Raises BucketError.

        Without the permission ListBucket, S3 answers 403 for an object that does not exist.
        """
        try:
            with raising(BucketError):
                answer = clients.s3().head_object(Bucket=self.name, Key=key(image_id))
        except BucketError as error:
            if error.code in _NOT_THERE:
                return None
            raise
        return {**answer["Metadata"], "bytes": str(answer["ContentLength"])}

    def read(self, image_id: str) -> bytes:
        """A PNG's bytes. Raises BucketError."""
        return self._read(key(image_id))

    def delete(self, image_id: str) -> None:
        """Deletes a PNG, if it is there. Raises BucketError."""
        with raising(BucketError):
            clients.s3().delete_object(Bucket=self.name, Key=key(image_id))

    def put_rendition(self, image_id: str, name: str, data: bytes, content_type: str) -> bool:
        """Stores a rendition of an image; returns False if there is one by that name. Raises BucketError.

        The condition makes several callers at once store one.
        """
        try:
            with raising(BucketError):
                clients.s3().put_object(
                    Bucket=self.name,
                    Key=_rendition_key(image_id, name),
                    Body=data,
                    ContentType=content_type,
                    IfNoneMatch="*",
                )
        except BucketError as error:
            if error.code == "PreconditionFailed":
                return False
            raise
        return True

    def rendition_bytes(self, image_id: str, name: str) -> int | None:
        """The length of a rendition, if it is there. Raises BucketError."""
        try:
            with raising(BucketError):
                return clients.s3().head_object(Bucket=self.name, Key=_rendition_key(image_id, name))["ContentLength"]
        except BucketError as error:
            if error.code in _NOT_THERE:
                return None
            raise

    def read_rendition(self, image_id: str, name: str) -> bytes | None:
        """A rendition's bytes, if it is there. Raises BucketError."""
        try:
            with raising(BucketError):
                return clients.s3().get_object(Bucket=self.name, Key=_rendition_key(image_id, name))["Body"].read()
        except BucketError as error:
            if error.code in _NOT_READABLE:
                return None
            raise

    def rendition_link(self, image_id: str, name: str) -> Link:
        """A presigned URL of a rendition, as `link`."""
        return self._link(_rendition_key(image_id, name))

    def delete_renditions(self, image_id: str) -> None:
        """Deletes all renditions of an image. Raises BucketError."""
        with raising(BucketError):
            pages = clients.s3().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=_rendition_key(image_id, "")):
                for found in page.get("Contents", []):
                    clients.s3().delete_object(Bucket=self.name, Key=found["Key"])

    def check(self) -> None:
        """Raises BucketError if the bucket is missing or unreachable."""
        with raising(BucketError):
            clients.s3().get_bucket_location(Bucket=self.name)

    def link(self, image_id: str) -> Link:
        """A presigned URL and its expiry, which is the link's own or that of the signing credentials.

        Raises BucketError without credentials.
        """
        return self._link(key(image_id))

    def _read(self, key: str) -> bytes:
        with raising(BucketError):
            return clients.s3().get_object(Bucket=self.name, Key=key)["Body"].read()

    def _link(self, key: str) -> Link:
        lifetime = timedelta(minutes=self.link_minutes)
        with raising(BucketError):
            url = clients.s3().generate_presigned_url(
                "get_object",
                Params={"Bucket": self.name, "Key": key},
                ExpiresIn=int(lifetime.total_seconds()),
            )
        expires_at = datetime.now(UTC) + lifetime
        return Link(url, min(expires_at, _credentials_expire_at() or expires_at))


def key(image_id: str) -> str:
    """The object's key for an image's id."""
    return f"{PREFIX}/{image_id}.png"


def _rendition_key(image_id: str, name: str) -> str:
    return f"{RENDITIONS}/{image_id}/{name}"


def _credentials_expire_at() -> datetime | None:
    # botocore exposes the expiry nowhere else. Credentials from Lambda's environment have none.
    return getattr(clients.session().get_credentials(), "_expiry_time", None)
