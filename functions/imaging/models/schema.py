"""The interface of a request schema's module: it builds request bodies and parses answers."""

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from imaging.models.sizing import NativeSize


@dataclass(frozen=True)
class Ask:
    """The content of one model call. `quality` and `cfg_scale` are None if the model has no such control."""

    text: str
    negative_text: str | None
    size: NativeSize
    images: int
    seed: int
    quality: str | None
    cfg_scale: float | None


@dataclass(frozen=True)
class RawImage:
    """The bytes of an image, not yet checked, and the seed that the model reports, if it reports one."""

    data: bytes
    seed: int | None = None


@dataclass(frozen=True)
class NoImage:
    """A requested image that the model did not return. `reason` is part of the answer."""

    status: Literal["blocked", "failed"]
    reason: str


ModelOutput = RawImage | NoImage
Answer = Mapping[str, Any]


class Schema(Protocol):
    def body(self, ask: Ask) -> dict[str, Any]:
        """The request body of one InvokeModel call."""

    def read(self, answer: Answer, images: int) -> Sequence[ModelOutput]:
        """The outcome of each of the `images` requested. An HTTP 200 can still be a refusal."""

    def blocked(self, message: str) -> bool:
        """Whether a ValidationException with this message means that the content filter refused the prompt."""


def decoded(image: object, seed: int | None = None) -> ModelOutput:
    """The image in a base64 text."""
    try:
        return RawImage(binascii.a2b_base64(str(image), strict_mode=True), seed)
    except ValueError:
        return NoImage("failed", "the model's answer could not be decoded")
