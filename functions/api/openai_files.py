"""An answer's images in base64: in the requested format, or lighter where they would not fit into one answer."""

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from imaging.images.encoding import Format, Rendition, encode
from imaging.requests.result import GenerationWarning

LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_AROUND_IMAGES = 128 * 1024
_MANIFEST = 24 * 1024
"""More than a signature adds to a file."""
_LIGHTER = tuple(Rendition(Format.JPEG, compression=quality) for quality in (95, 90, 80, 65, 50, 35, 20, 10))
"""At the last, ten images of the largest size fit even if they are pure noise."""


@dataclass(frozen=True)
class Files:
    """Each image as `url` or `b64_json`, and the format of all."""

    format: Format
    contents: Sequence[Mapping[str, str]]
    warnings: Sequence[GenerationWarning] = ()


def in_base64(contents: Callable[[Rendition], Sequence[bytes]], requested: Rendition) -> Files:
    """The images as requested, or in the first lighter rendition that fits into one answer; `contents` returns their
    bytes in a rendition. Raises NotAWholePng."""
    files = contents(requested)
    if _fit(map(len, files)):
        return _files(requested, files)
    lighter = _lighter(contents(Rendition()))
    return _files(lighter, contents(lighter), _compressed(lighter))


def _lighter(originals: Sequence[bytes]) -> Rendition:
    *lighter, lightest = _LIGHTER
    return next((each for each in lighter if _fit(_lengths(originals, each))), lightest)


def _lengths(originals: Sequence[bytes], rendition: Rendition) -> Iterator[int]:
    return (len(encode(original, rendition)) + _MANIFEST for original in originals)


def _fit(lengths: Iterable[int]) -> bool:
    """Looks at no more lengths than it must."""
    room = LAMBDA_ANSWER_BYTES - _AROUND_IMAGES
    return all(total <= room for total in accumulate(4 * math.ceil(length / 3) for length in lengths))


def _files(rendition: Rendition, files: Sequence[bytes], *warnings: GenerationWarning) -> Files:
    return Files(rendition.format, [{"b64_json": base64.b64encode(file).decode()} for file in files], warnings)


def _compressed(rendition: Rendition) -> GenerationWarning:
    return GenerationWarning(
        code="output_compressed",
        field="output_format",
        detail=f"Together the images are too long for one answer (6 MB), so they come as {rendition.format} of quality "
        f"{rendition.compression}. Ask for response_format url, or for fewer images, to get them unchanged; "
        "GET /images/{id}.png has these.",
    )
