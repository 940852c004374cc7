"""The queue door: one record, one job."""

import uuid
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, InternalError, NotFound
from observability import logger, metrics

TABLE_RETRY_SECONDS = 10
"""Retry delay after a table error."""

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class NotDone(Exception):
    """Tells SQS to keep the message: its job is to be looked at again."""


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    bootstrap.settings()
    return dict(process_partial_response(event, _work, processor, context))


def _work(record: SQSRecord, lambda_context: LambdaContext) -> None:
    if not _is_job_id(record.body):
        _bury(record)
        return
    logger.append_keys(generation_id=record.body)
    seconds: float | None
    deadline = Deadline.after(lambda_context.get_remaining_time_in_millis() / 1000)
    try:
        seconds = bootstrap.jobs().work(record.body, deadline)
    except DependencyUnavailable:
        seconds = TABLE_RETRY_SECONDS
    except (NotFound, InternalError):
        _bury(record)
        return
    if seconds is not None:
        bootstrap.queue().put_back(record.receipt_handle, seconds)
        raise NotDone


def _bury(record: SQSRecord) -> None:
    logger.error("A message that is no job of ours goes to the dead letters", message_id=record.message_id)
    bootstrap.queue().bury(record.body)


def _is_job_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
