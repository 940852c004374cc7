"""What every adapter raises: one base, and one translation of botocore's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError


class ServiceError(Exception):
    """The service refused the call or could not be reached.

    `code` is AWS's exception name, `status` the HTTP status of the answer, or None where none came, `request_id` the id
    under which AWS knows the call.
    """

    def __init__(
        self, code: str, message: str = "", request_id: str | None = None, *, status: int | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.request_id = request_id
        self.status = status

    @classmethod
    def code_of(cls, error: BotoCoreError) -> str:
        """The code of an error without an answer from AWS."""
        return type(error).__name__


@contextmanager
def raising(kind: type[ServiceError]) -> Iterator[None]:
    """Raises botocore's errors as that kind of ServiceError."""
    try:
        yield
    except ClientError as error:
        details, metadata = error.response["Error"], error.response["ResponseMetadata"]
        raise kind(
            details["Code"], details["Message"], metadata.get("RequestId"), status=metadata["HTTPStatusCode"]
        ) from error
    except BotoCoreError as error:
        raise kind(kind.code_of(error), str(error)) from error
