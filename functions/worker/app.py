"""The worker: takes the job of each SQS message one attempt further."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
import tracing
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, InternalError, InvalidRequest, Misconfigured, NotFound
from imaging.ids import is_id
from observability import logger, metrics

TABLE_RETRY_SECONDS = 10
"""Retry delay after a table error, and while the entry of the job's key is malformed."""

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class Unfinished(Exception):
    """Makes SQS deliver the message again, because its job is unfinished."""


bootstrap.prepare()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    bootstrap.services()
    if not _is_from_queue(event):
        raise InvalidRequest("The event does not have the form of SQS's. The worker takes messages of the queue only.")
    return dict(process_partial_response(event, _work, processor, context))


def _is_from_queue(event: object) -> bool:
    """Whether each record has what the worker needs to take or to return the message."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records:
        return False
    return all(isinstance(record, dict) and _is_message(record) for record in records)


def _is_message(record: Mapping[str, object]) -> bool:
    return all(isinstance(record.get(name), str) for name in ("messageId", "receiptHandle", "body"))


def _work(record: SQSRecord, lambda_context: LambdaContext) -> None:
    with tracing.continued(record.attributes.aws_trace_header), tracing.step("## job"):
        _advance(record, lambda_context)


def _advance(record: SQSRecord, lambda_context: LambdaContext) -> None:
    if not is_id(record.body):
        _dead_letter(record)
        return
    logger.append_keys(generation_id=record.body)
    tracing.annotate(generation_id=record.body)
    seconds: float | None
    deadline = Deadline.after(lambda_context.get_remaining_time_in_millis() / 1000)
    try:
        seconds = bootstrap.services().jobs.work(record.body, deadline)
    except (DependencyUnavailable, Misconfigured) as error:
        logger.warning("A job could not go on", code=error.code)
        seconds = TABLE_RETRY_SECONDS
    except (NotFound, InternalError):
        _dead_letter(record)
        return
    if seconds is not None:
        bootstrap.services().queue.put_back(record.receipt_handle, seconds)
        raise Unfinished


def _dead_letter(record: SQSRecord) -> None:
    logger.error("A message that names no job was sent to the dead-letter queue", message_id=record.message_id)
    bootstrap.services().queue.dead_letter(record.body)
