"""A signing key with a certificate and an issuer of its own, as an operator would have them from a test authority."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIGNER, ORGANISATION = "Bildwerk für Tests", "Example Ltd"


@cache
def _issuer() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def chain(public_key_der: bytes) -> str:
    """The certificate of a P-256 key, and its issuer's."""
    key = load_der_public_key(public_key_der)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return _certificate(SIGNER, key, is_authority=False) + _certificate(
        "Test authority", _issuer().public_key(), is_authority=True
    )


def _certificate(name: str, key: ec.EllipticCurvePublicKey, *, is_authority: bool) -> str:
    now = datetime.now(UTC)
    usage = [not is_authority, False, False, False, False, is_authority, is_authority, False, False]
    builder = (
        x509.CertificateBuilder(_name("Test authority"), _name(name), key, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(*usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(_issuer().public_key()), critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(_issuer(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
        ]
    )
