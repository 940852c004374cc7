"""An answer's images in base64: in the requested format, or lighter where they would not fit into one answer."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imaging.images.encoding import Format, Rendition, encode
from imaging.requests.result import GenerationWarning

LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_AROUND_IMAGES = 128 * 1024
_LIGHTER = tuple(Rendition(Format.JPEG, compression=quality) for quality in (95, 90, 80, 65, 50, 35, 20, 10))
"""At the last, ten images of the largest size fit even if they are pure noise."""


@dataclass(frozen=True)
class Files:
    """Each image as `url` or `b64_json`, and the format of all."""

    format: Format
    contents: Sequence[Mapping[str, str]]
    warnings: Sequence[GenerationWarning] = ()


def in_base64(originals: Sequence[bytes], requested: Rendition) -> Files:
    """The first encoding in which all of these PNGs fit into one answer. Raises NotAWholePng."""
    tries = ((rendition, _encoded(originals, rendition)) for rendition in (requested, *_LIGHTER))
    rendition, texts = next((rendition, texts) for rendition, texts in tries if texts is not None)
    contents = [{"b64_json": text} for text in texts]
    return Files(rendition.format, contents, () if rendition == requested else (_lighter(rendition),))


def _encoded(originals: Sequence[bytes], rendition: Rendition) -> Sequence[str] | None:
    """None as soon as they are too long."""
    texts: list[str] = []
    for original in originals:
        texts.append(base64.b64encode(encode(original, rendition)).decode())
        if sum(map(len, texts)) > LAMBDA_ANSWER_BYTES - _AROUND_IMAGES:
            return None
    return texts


def _lighter(rendition: Rendition) -> GenerationWarning:
    return GenerationWarning(
        code="output_compressed",
        field="output_format",
        detail=f"Together the images are too long for one answer (6 MB), so they come as {rendition.format} of quality "
        f"{rendition.compression}. Ask for response_format url, or for fewer images, to get them unchanged; "
        "GET /images/{id}.png has these.",
    )
