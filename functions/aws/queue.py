"""Hands jobs to the worker, and takes them back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil

from botocore.exceptions import BotoCoreError, ClientError

from aws import clients

LONGEST_DELAY_SECONDS = 900


class QueueError(Exception):
    """The queue refused or could not be reached; `code` is AWS's exception name. What was sent may have arrived, unless
    it `is_refusal`."""

    def __init__(self, code: str, *, is_refusal: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_refusal = is_refusal


@dataclass(frozen=True)
class Queue:
    """A queue by its URL, and the one for messages that nobody can use. Everything raises QueueError."""

    url: str
    dead_letter_url: str = ""

    def send(self, text: str) -> None:
        with _as_queue_error():
            clients.sqs().send_message(QueueUrl=self.url, MessageBody=text)

    def put_back(self, receipt: str, seconds: float) -> None:
        """Shows a message that was received again after so many seconds, rounded up."""
        with _as_queue_error():
            clients.sqs().change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=min(ceil(seconds), LONGEST_DELAY_SECONDS)
            )

    def bury(self, text: str) -> None:
        """Keeps a message that nobody can use where an operator finds it."""
        with _as_queue_error():
            clients.sqs().send_message(QueueUrl=self.dead_letter_url, MessageBody=text)


@contextmanager
def _as_queue_error() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        raise QueueError(
            error.response["Error"]["Code"], is_refusal=status < HTTPStatus.INTERNAL_SERVER_ERROR
        ) from error
    except BotoCoreError as error:
        raise QueueError(type(error).__name__) from error
