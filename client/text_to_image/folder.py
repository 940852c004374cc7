"""The folder that images are written to: each once, and never half."""

from __future__ import annotations

from pathlib import Path

from text_to_image.images import EXTENSIONS
from text_to_image.results import Image


class Folder:
    """`files` are the images' files in it, by their ids; `written` counts those that were not there before."""

    def __init__(self, path: Path, output_format: str) -> None:
        self._path = path
        self._extension = EXTENSIONS[output_format]
        self.files: dict[str, Path] = {}
        self.written = 0

    def prepare(self) -> None:
        """Raises OSError if nothing can be written there."""
        self._path.mkdir(parents=True, exist_ok=True)
        trial = self._path / ".text-to-image.part"
        trial.touch()
        trial.unlink()

    def stored(self, image_id: str, length: int | None) -> bytes | None:
        """Return the image if an earlier run has written it."""
        file = self._path / f"{image_id}.{self._extension}"
        if not file.is_file() or length not in {None, file.stat().st_size}:
            return None
        self.files[image_id] = file
        return file.read_bytes()

    def keep(self, image: Image) -> bool:
        """Write the image if it is not there yet. Returns whether it was seen for the first time."""
        if image.id in self.files:
            return False
        self.files[image.id] = image.save(self._path)
        self.written += 1
        return True
