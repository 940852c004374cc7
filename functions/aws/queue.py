"""The queue of jobs, and its dead-letter queue."""

from dataclasses import dataclass
from http import HTTPStatus
from math import ceil

import tracing
from aws import clients
from aws.errors import ServiceError, raising

LONGEST_DELAY_SECONDS = 900


class QueueError(ServiceError):
    """Raised by every call to a queue. The message may have arrived, unless the error `is_refusal`."""

    @property
    def is_refusal(self) -> bool:
        return self.status is not None and self.status < HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True)
class Queue:
    """A queue and its dead-letter queue, each by its URL. Each call raises QueueError."""

    url: str
    dead_letter_url: str = ""

    def send(self, text: str, owner: str) -> None:
        """Sends a message. SQS prefers owners that use little of the workers' time (its fair queues)."""
        with raising(QueueError):
            clients.sqs().send_message(QueueUrl=self.url, MessageBody=text, MessageGroupId=owner, **tracing.carried())

    def put_back(self, receipt: str, seconds: float) -> None:
        """Makes a received message visible again after a delay of at most 15 minutes, in whole seconds, rounded up."""
        with raising(QueueError):
            clients.sqs().change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=min(ceil(seconds), LONGEST_DELAY_SECONDS)
            )

    def dead_letter(self, text: str) -> None:
        """Sends a message that is no job of ours to the dead-letter queue."""
        with raising(QueueError):
            clients.sqs().send_message(QueueUrl=self.dead_letter_url, MessageBody=text)
