"""One module per request schema: what it accepts and how it answers."""

from typing import Protocol

from local.emulator.request import Order

Body = dict[str, object]


class Family(Protocol):
    @property
    def makes_ratios(self) -> bool:
        """Whether the caller names a ratio, and the model the size."""

    def read(self, body: object) -> Order:
        """Return what the body asks for, or raise the refusal that the model would give."""

    def blocked_prompt(self) -> Body:
        """Return a 200 without a picture, or raise the refusal."""

    def inference_error(self) -> Body:
        """Return a 200 without a picture, or raise the refusal."""

    def answer(self, seed: int, pictures: list[str | None], /) -> Body:
        """Put base64 pictures into the family's body; None is one that the filter withheld."""
