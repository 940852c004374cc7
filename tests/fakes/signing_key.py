"""A signing key in memory."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aws.signing_key import SigningError
from tests.fakes.certificates import chain


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class FakeSigningKey:
    """`refusal` is the code with which every signature is refused; `certified` the key of the certificate."""

    refusal: str | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    certified: ec.EllipticCurvePrivateKey | None = None

    @property
    def certificates(self) -> str:
        public = (self.certified or self.key).public_key()
        return chain(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def sign(self, data: bytes) -> bytes:
        if self.refusal:
            raise SigningError(self.refusal)
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)
