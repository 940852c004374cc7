"""From a model's picture to the file that is stored: fitted, marked with its origin, signed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from imaging.images.encoding import Format
from imaging.images.fitting import fit
from imaging.images.provenance import has_manifest, marked, packet, with_xmp
from imaging.images.signing import Signer
from imaging.models.sizing import Size


@dataclass(frozen=True)
class Picture:
    """A PNG that `model` made; `native` is its size, `made_at` in epoch seconds."""

    png: bytes
    native: Size
    model: str
    made_at: float


@dataclass(frozen=True)
class FinishedFile:
    """`manifest` is who signed the file's C2PA manifest, if it has one; `signed_by` the name in the operator's
    certificate."""

    data: bytes
    manifest: Literal["model", "operator"] | None
    signed_by: str | None = None


def finish(picture: Picture, wanted: Size, signer: Signer | None) -> FinishedFile:
    """The file of a picture. Without a signer, or if it fails, the file carries the model's manifest or none. Raises
    NotAWholePng."""
    fitted, xmp = fit(picture.png, picture.native, wanted), packet(picture.model, picture.made_at)
    if signer is not None:
        edits = list(_edits(picture.native, wanted))
        signed = signer.signed(with_xmp(fitted, xmp), Format.PNG, picture.png, picture.model, edits)
        if signed is not None:
            return FinishedFile(signed.data, "operator", signed.signer)
    data = marked(fitted, xmp)
    return FinishedFile(data, "model" if has_manifest(data) else None)


def _edits(native: Size, wanted: Size) -> Iterator[str]:
    """The C2PA actions of the fitting."""
    if native.width * wanted.height != native.height * wanted.width:
        yield "c2pa.cropped"
    if (native.width, native.height) != (wanted.width, wanted.height):
        yield "c2pa.resized"
