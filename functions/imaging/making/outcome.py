"""The outcome of an attempt: of each image, and of the generation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws.table import Put
from imaging.errors import ContentBlocked, ImagingError, StorageFailed
from imaging.images.gallery import digests
from imaging.planning.fallback import Fallback
from imaging.planning.plan import Plan, Slot
from imaging.records.record import Failure, GenerationRecord
from imaging.requests.result import (
    DeletedImage,
    Generation,
    GenerationWarning,
    ImageFacts,
    MissingImage,
    StoredImage,
)

FAILURE_SECONDS = 60
"""How long a failure that was billed answers the same request."""


@dataclass(frozen=True)
class ImageOutcome:
    """The outcome of one requested image: its facts, or the error. `may_be_billed` is false if its call certainly was
    not billed; `note` is the write of its record, if the end of the attempt must write it; `is_unsigned` means that it
    should have been signed."""

    slot: Slot
    result: ImageFacts | ImagingError
    may_be_billed: bool = True
    note: Put | None = None
    is_unsigned: bool = False

    @property
    def error(self) -> ImagingError | None:
        return self.result if isinstance(self.result, ImagingError) else None

    @property
    def facts(self) -> ImageFacts:
        """The image's entry in the answer."""
        if isinstance(self.result, DeletedImage):
            return DeletedImage(id=self.result.id, seed=self.slot.seed, seed_index=self.slot.seed_index)
        if not isinstance(self.result, ImagingError):
            return self.result
        status = "blocked" if isinstance(self.result, ContentBlocked) else "failed"
        return MissingImage(
            status=status, reason=self.result.detail, seed=self.slot.seed, seed_index=self.slot.seed_index
        )


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt. `record` is the generation's as the attempt began. `error` is why the attempt did not
    finish the generation, or None. After a bug it is unknown what was billed."""

    record: GenerationRecord
    chosen: Plan
    made: Sequence[ImageOutcome]
    fallbacks: Sequence[Fallback]
    error: ImagingError | None
    is_bug: bool = False

    @cached_property
    def has_images(self) -> bool:
        """Whether this or an earlier attempt made an image."""
        return any(was_stored(one) for one in self.made)

    @property
    def was_paid(self) -> bool:
        """Whether an image was paid for and is lost."""
        return any(one.error is not None and one.error.was_paid for one in self.made)

    @property
    def unwritten(self) -> list[Put]:
        """The writes of image records that are left to the end of the attempt."""
        return [one.note for one in self.made if one.note is not None]

    @property
    def notes(self) -> list[Put]:
        """The unwritten image records, and what finds the images by their files."""
        # A transaction may name each key once, and equal images have one digest.
        found = {digest.key: digest for image in self.unwritten for digest in digests(image)}
        return [*self.unwritten, *found.values()]

    @classmethod
    def of_earlier_attempts(cls, record: GenerationRecord, chosen: Plan, why: ImagingError) -> "Outcome":
        """The outcome if no attempt follows: images that are missing fail with `why`."""
        slots = [slot for call in chosen.calls for slot in call.slots]
        made = [ImageOutcome(slot, record.settled.get(slot.index, why)) for slot in slots]
        return cls(record, chosen, made, (), why)

    def progress(self) -> dict[str, Any]:
        """The changes that keep the images and warnings for later attempts."""
        if not self.has_images:
            return {"settled": self.settled()}
        return {"settled": self.settled(), "model": self.chosen.route.model.id, "warnings": self.warnings}

    def ending(self, now: float) -> dict[str, Any]:
        """The changes by which the generation ends. A billed failure is remembered for a while."""
        if self.error is None or self.has_images:
            return {"status": "succeeded", "result": self.generation}
        until = now + FAILURE_SECONDS if self.was_paid else 0
        return {"status": "failed", "failure": Failure.of(self.error), "remembered_until": until}

    @cached_property
    def generation(self) -> Generation:
        """The result, with an entry for each requested image."""
        return Generation(
            id=self.record.id,
            model=self.chosen.route.model.id,
            cost_micros=self.chosen.price_micros * sum(_was_made(one) for one in self.made),
            images=[one.facts for one in self.made],
            warnings=self.warnings,
        )

    @cached_property
    def warnings(self) -> list[GenerationWarning]:
        """The adjustments of this and earlier attempts."""
        found = [
            *self.record.warnings,
            *(fallback.warning() for fallback in self.fallbacks),
            *self.chosen.warnings,
            *_enlarged(self.made),
            *_unsigned(self.made),
        ]
        return list(dict.fromkeys(found))

    def settled(self) -> Mapping[int, ImageFacts]:
        """What later attempts must not generate again, by index: stored images, and images that were paid for and are
        lost."""
        return {one.slot.index: one.facts for one in self.made if _is_settled(one, also_failed=self.has_images)}


def was_stored(one: ImageOutcome) -> bool:
    return isinstance(one.result, StoredImage | DeletedImage)


def _was_made(one: ImageOutcome) -> bool:
    return was_stored(one) or isinstance(one.result, StorageFailed)


def _is_settled(one: ImageOutcome, *, also_failed: bool) -> bool:
    if one.error is None:
        return True
    return one.may_be_billed and (also_failed or isinstance(one.error, ContentBlocked | StorageFailed))


def _unsigned(made: Sequence[ImageOutcome]) -> Iterator[GenerationWarning]:
    if any(one.is_unsigned for one in made):
        yield GenerationWarning(
            code="not_signed",
            field=None,
            detail="An image could not be signed, so it does not carry the operator's signature. The operator must "
            "check the signing key, its certificates and the functions' roles.",
        )


def _enlarged(made: Sequence[ImageOutcome]) -> Iterator[GenerationWarning]:
    for one in made:
        image = one.result
        if isinstance(image, StoredImage) and image.enlarged:
            yield GenerationWarning(
                code="enlarged",
                field="width" if image.native_width < image.width else "height",
                detail=f"The model made {image.native_width}x{image.native_height} pixels, which were enlarged to "
                f"{image.width}x{image.height}.",
            )
            return
