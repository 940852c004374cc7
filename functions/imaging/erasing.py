"""Deletes an image wherever it is: its files, its record, and the facts in the record of its generation."""

from contextlib import suppress
from dataclasses import dataclass

from imaging.errors import InternalError
from imaging.images.gallery import Gallery, Place
from imaging.records.store import Changed, GenerationStore


@dataclass(frozen=True)
class Eraser:
    gallery: Gallery
    store: GenerationStore

    def delete(self, owner: str, image_id: str) -> None:
        """Deletes an image; a retry is safe. Raises NotFound for an image that is deleted, expired or another
        caller's, StorageFailed, DependencyUnavailable."""
        # The image's own record comes last, because without it a retry would find no image.
        if place := self.gallery.place(owner, image_id):
            with suppress(InternalError):
                self._forget(place, image_id)
        self.gallery.delete(owner, image_id)

    def _forget(self, place: Place, image_id: str) -> None:
        """Removes the image's facts from its generation, also while an attempt runs. A malformed record is an
        InternalError."""
        while (found := self.store.find(place.generation_id)) and found.epoch == place.epoch:
            with suppress(Changed):
                self.store.change(found, **found.without_image(place.index, image_id))
                return
