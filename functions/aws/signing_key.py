"""Signs with a key that never leaves KMS."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from aws import clients
from aws.errors import ServiceError, raising

_COORDINATE_BYTES = 32


class SigningError(ServiceError):
    """The key or its certificates are not available."""


@dataclass(frozen=True)
class SigningKey:
    """A P-256 key by its ARN, and the name of the SSM parameter with its certificates."""

    arn: str
    certificates_parameter: str

    @cached_property
    def certificates(self) -> str:
        """The chain as PEM, the key's own certificate first. Raises SigningError."""
        with raising(SigningError):
            answer = clients.ssm().get_parameter(Name=self.certificates_parameter)
        return answer["Parameter"]["Value"]

    def sign(self, data: bytes) -> bytes:
        """An ES256 signature, as COSE wants it: r and s of equal length. Raises SigningError."""
        with raising(SigningError):
            answer = clients.kms(self._region).sign(
                KeyId=self.arn,
                Message=hashlib.sha256(data).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return _r_and_s(answer["Signature"])

    @property
    def _region(self) -> str:
        return self.arn.split(":")[3]


def _r_and_s(der: bytes) -> bytes:
    """From the DER sequence of two integers, each with its tag and length, which are short for this curve."""
    r_end = 4 + der[3]
    numbers = der[4:r_end], der[r_end + 2 :]
    return b"".join(int.from_bytes(each).to_bytes(_COORDINATE_BYTES) for each in numbers)
