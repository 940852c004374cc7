"""A bucket in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aws.bucket import BucketError, Link


@dataclass
class FakeBucket:
    """`refusals` are codes of calls that are refused, one each; `lost_answers` of puts that are applied and then
    raise."""

    objects: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    renditions: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    lost_answers: list[str] = field(default_factory=list)

    def put(self, image_id: str, png: bytes, metadata: dict[str, str]) -> None:
        self.check()
        self.objects[image_id] = png
        self.metadata[image_id] = metadata
        if self.lost_answers:
            raise BucketError(self.lost_answers.pop(0))

    def find(self, image_id: str) -> dict[str, str] | None:
        self.check()
        if image_id not in self.objects:
            return None
        return {**self.metadata[image_id], "bytes": str(len(self.objects[image_id]))}

    def read(self, image_id: str) -> bytes:
        self.check()
        return self.objects[image_id]

    def delete(self, image_id: str) -> None:
        self.check()
        self.objects.pop(image_id, None)

    def check(self) -> None:
        if self.refusals:
            raise BucketError(self.refusals.pop(0))

    def put_rendition(self, image_id: str, name: str, data: bytes, content_type: str) -> bool:
        self.check()
        rendition = (data, content_type)
        return self.renditions.setdefault((image_id, name), rendition) is rendition

    def rendition_bytes(self, image_id: str, name: str) -> int | None:
        self.check()
        found = self.renditions.get((image_id, name))
        return found and len(found[0])

    def read_rendition(self, image_id: str, name: str) -> bytes | None:
        self.check()
        found = self.renditions.get((image_id, name))
        return found and found[0]

    def rendition_link(self, image_id: str, name: str) -> Link:
        return self.link(f"renditions/{image_id}/{name}")

    def delete_renditions(self, image_id: str) -> None:
        self.check()
        for key in [key for key in self.renditions if key[0] == image_id]:
            self.renditions.pop(key, None)

    def link(self, image_id: str) -> Link:
        return Link(f"https://bucket.example/{image_id}", datetime.now(UTC) + timedelta(minutes=30))
