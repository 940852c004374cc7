"""What each request schema's module offers: a body for a call, and a reading of the answer."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from imaging.models.sizing import NativeSize


@dataclass(frozen=True)
class Ask:
    """One call's content. `quality` and `cfg_scale` are None where the model has no such control."""

    text: str
    negative_text: str | None
    size: NativeSize
    images: int
    seed: int
    quality: str | None
    cfg_scale: float | None


@dataclass(frozen=True)
class Picture:
    """Bytes that the model calls an image, and the seed that it says it used, if it says so."""

    data: bytes
    seed: int | None = None


@dataclass(frozen=True)
class NoPicture:
    """An image that was asked for and did not come; `reason` is told to the caller."""

    status: Literal["blocked", "failed"]
    reason: str


Outcome = Picture | NoPicture
Answer = Mapping[str, Any]


class Schema(Protocol):
    def body(self, ask: Ask) -> dict[str, Any]:
        """The request body of one InvokeModel call."""

    def read(self, answer: Answer, images: int) -> Sequence[Outcome]:
        """What came of each of the `images` that were asked for; an HTTP 200 can still be a refusal."""

    def blocked(self, message: str) -> bool:
        """Whether a ValidationException with this message is the content filter's refusal of the prompt."""


def decoded(image: object, seed: int | None = None) -> Outcome:
    """The picture in a base64 text, as each schema delivers it."""
    try:
        return Picture(base64.b64decode(str(image), validate=True), seed)
    except (binascii.Error, ValueError):
        return NoPicture("failed", "the model's answer could not be decoded")
