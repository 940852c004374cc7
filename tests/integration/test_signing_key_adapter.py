"""The signing key in KMS and its certificates in SSM, as the calls are sent over the wire."""

import io

import boto3
import pytest
from c2pa import Reader
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.utils import ECDSAPrivateKey
from PIL import Image

from aws.signing_key import SigningError, SigningKey
from imaging.images.encoding import Format
from imaging.images.signing import Signer
from tests import exiftool
from tests.fakes.certificates import SIGNER, chain

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> SigningKey:
    # moto would hash the digest once more.
    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign_digest)
    kms = boto3.client("kms")
    arn = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    certificates = chain(kms.get_public_key(KeyId=arn)["PublicKey"])
    # Lines become spaces where a shell or a parameter file cannot have them.
    boto3.client("ssm").put_parameter(Name="certificates", Type="String", Value=certificates.replace("\n", " "))
    return SigningKey(arn, "certificates")


@pytest.mark.parametrize("file_format", Format)
def test_the_library_finds_sound_what_kms_signed(key: SigningKey, file_format: Format) -> None:
    signed = Signer(key).signed(picture(file_format), file_format, picture(Format.PNG), "a-model", ["c2pa.resized"])
    assert signed

    with Reader(file_format.content_type, io.BytesIO(signed.data)) as reader:
        assert reader.get_validation_state() == "Valid"
        assert reader.get_active_manifest()["signature_info"]["common_name"] == SIGNER


@exiftool.is_needed
@pytest.mark.parametrize("file_format", Format)
def test_exiftool_reads_the_same(key: SigningKey, file_format: Format) -> None:
    signed = Signer(key).signed(picture(file_format), file_format, picture(Format.PNG), "a-model", ["c2pa.resized"])
    assert signed
    told = exiftool.manifest(signed.data)
    assert "trainedAlgorithmicMedia" in told
    assert "c2pa.created, c2pa.resized" in told


def test_every_signature_has_two_numbers_of_equal_length(key: SigningKey) -> None:
    """DER shortens small numbers, and lengthens those whose first bit is set."""
    assert {len(key.sign(str(number).encode())) for number in range(600)} == {64}


def test_a_refusal_tells_its_code(key: SigningKey) -> None:
    with pytest.raises(SigningError) as refused:
        SigningKey(f"{key.arn[:-4]}0000", "certificates").sign(b"a claim")
    assert refused.value.code == "NotFoundException"
    with pytest.raises(SigningError) as missing:
        _ = SigningKey(key.arn, "another").certificates
    assert missing.value.code == "ParameterNotFound"


def sign_digest(private: ECDSAPrivateKey, digest: bytes, algorithm: str) -> bytes:
    assert algorithm == "ECDSA_SHA_256"
    return private.private_key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def picture(file_format: Format) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "navy").save(buffer, file_format.value)
    return buffer.getvalue()
