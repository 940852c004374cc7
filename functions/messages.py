"""Takes SQS events: one message at a time, which comes back later if its work is unfinished."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging import ports
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, InvalidRequest

RETRY_SECONDS = 10
"""Retry delay after a table error, and while the entry of the key is malformed."""

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

Take = Callable[[SQSRecord, Deadline], float | None]
"""What is done with a message. Returns the seconds until it must become visible again, or None if it is done with.
Raises DependencyUnavailable."""


class Unfinished(Exception):
    """Makes SQS deliver the message again, because its work is unfinished."""


def take_all(event: dict[str, Any], context: LambdaContext, queue: ports.Queue, take: Take) -> dict[str, Any]:
    """Raises InvalidRequest for an event that is not SQS's."""
    if not _is_from_queue(event):
        raise InvalidRequest(
            "The event does not have the form of SQS's. This function takes messages of its queue only."
        )
    return dict(process_partial_response(event, partial(_take, queue, take), processor, context))


def _is_from_queue(event: object) -> bool:
    """Whether each record has what is needed to take or to return the message."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records:
        return False
    return all(isinstance(record, dict) and _is_message(record) for record in records)


def _is_message(record: Mapping[str, object]) -> bool:
    return all(isinstance(record.get(name), str) for name in ("messageId", "receiptHandle", "body"))


def _take(queue: ports.Queue, take: Take, record: SQSRecord, lambda_context: LambdaContext) -> None:
    seconds: float | None
    deadline = Deadline.after(lambda_context.get_remaining_time_in_millis() / 1000)
    try:
        seconds = take(record, deadline)
    except DependencyUnavailable:
        seconds = RETRY_SECONDS
    if seconds is not None:
        queue.put_back(record.receipt_handle, seconds)
        raise Unfinished
