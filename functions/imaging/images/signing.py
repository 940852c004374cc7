"""C2PA manifests that the operator's key signs: https://c2pa.org/specifications/.

What a file was made from becomes its ingredient if it has a manifest; otherwise our manifest is the first.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from imaging import ports
from imaging.images.encoding import Format
from imaging.images.provenance import GENERATOR_NAME, SOURCE_TYPE, has_manifest
from observability import logger, metrics
from version import VERSION

_SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    # The library checks what it signed, so that a certificate of another key is noticed. It asks no other server.
    "verify": {"verify_after_sign": True, "remote_manifest_fetch": False},
}
_PARENT = "parent"


@dataclass(frozen=True)
class SignedFile:
    """`signer` is the name in the certificate."""

    data: bytes
    signer: str


@dataclass(frozen=True)
class Signer:
    key: ports.SigningKey

    def signed(
        self, data: bytes, file_format: Format, parent: bytes, model: str, edits: Sequence[str]
    ) -> SignedFile | None:
        """The file with a signed manifest: that `model` made it, and which edits turned the PNG `parent` into it. None
        if it cannot be signed: the image is paid for, so whatever fails here must not lose it."""
        try:
            signed = self._sign(data, file_format.content_type, parent, model, edits)
            return SignedFile(signed, _signer_of(signed, file_format.content_type))
        except Exception as error:  # noqa: BLE001 - see above
            _note_failure(error)
            return None

    def _sign(self, data: bytes, content_type: str, parent: bytes, model: str, edits: Sequence[str]) -> bytes:
        # In a layer that only stacks with a signing key have.
        from c2pa import Builder, C2paError, C2paSigningAlg, Context, Settings  # noqa: PLC0415
        from c2pa import Signer as Signature  # noqa: PLC0415

        failures: list[Exception] = []
        certificates = self.key.certificates
        is_edited = has_manifest(parent)
        manifest = _manifest(_opened() if is_edited else _created(model), edits)
        with (
            Context(Settings.from_dict(_SETTINGS)) as context,
            Signature.from_callback(
                lambda claim: self._signature(claim, failures), C2paSigningAlg.ES256, certificates
            ) as signature,
            Builder(manifest, context=context) as builder,
        ):
            if is_edited:
                builder.add_ingredient(
                    {"title": "original", "relationship": "parentOf", "label": _PARENT}, "image/png", io.BytesIO(parent)
                )
            signed = io.BytesIO()
            try:
                builder.sign(signature, content_type, io.BytesIO(data), signed)
            except C2paError as error:
                # The library says only that there is no signature.
                raise failures[0] if failures else error from None
            return signed.getvalue()

    def _signature(self, claim: bytes, failures: list[Exception]) -> bytes:
        try:
            return self.key.sign(claim)
        except Exception as error:
            failures.append(error)
            raise


def _manifest(origin: dict[str, Any], edits: Sequence[str]) -> dict[str, Any]:
    actions = [origin, *({"action": edit} for edit in edits)]
    return {
        "claim_generator_info": [{"name": GENERATOR_NAME, "version": VERSION}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


def _created(model: str) -> dict[str, Any]:
    return {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": {"name": model}}


def _opened() -> dict[str, Any]:
    return {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}


def _signer_of(signed: bytes, content_type: str) -> str:
    from c2pa import Context, Reader, Settings  # noqa: PLC0415 - as in `_sign`

    with (
        Context(Settings.from_dict(_SETTINGS)) as context,
        Reader(content_type, io.BytesIO(signed), context=context) as reader,
    ):
        content = json.loads(reader.json())
    certificate = content["manifests"][content["active_manifest"]]["signature_info"]
    return ", ".join(certificate[field] for field in ("common_name", "issuer") if certificate.get(field))


def _note_failure(error: Exception) -> None:
    metrics.add_metric(name="SigningFailed", unit=MetricUnit.Count, value=1)
    logger.warning("An image was not signed", exception_name=type(error).__name__, reason=str(error)[:500])
