"""One module per request schema: what it accepts and how it answers."""

from typing import Protocol

from local.emulator.request import ImageRequest

Body = dict[str, object]


class Family(Protocol):
    @property
    def makes_ratios(self) -> bool:
        """Whether requests name an aspect ratio, and the model chooses the size."""

    def read(self, body: object) -> ImageRequest:
        """Parse the body, or raise the model's refusal."""

    def blocked_prompt(self) -> Body:
        """Return a 200 without a picture, or raise the refusal."""

    def inference_error(self) -> Body:
        """Return a 200 without a picture, or raise the refusal."""

    def answer(self, seed: int, pictures: list[str | None], /) -> Body:
        """Return the body with base64 pictures; None is a picture that the filter withheld."""
