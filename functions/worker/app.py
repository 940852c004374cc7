"""The worker: takes the job of each SQS message one attempt further."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
import tracing
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, InternalError, Misconfigured, NotFound
from imaging.ids import is_id
from messages import RETRY_SECONDS, take_all
from observability import logger, metrics

bootstrap.prepare()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return take_all(event, context, bootstrap.services().queue, _work)


def _work(record: SQSRecord, deadline: Deadline) -> float | None:
    with tracing.continued(record.attributes.aws_trace_header), tracing.step("## job"):
        return _advance(record, deadline)


def _advance(record: SQSRecord, deadline: Deadline) -> float | None:
    if not is_id(record.body):
        _dead_letter(record)
        return None
    logger.append_keys(generation_id=record.body)
    tracing.annotate(generation_id=record.body)
    try:
        return bootstrap.services().jobs.work(record.body, deadline)
    except (DependencyUnavailable, Misconfigured) as error:
        logger.warning("A job could not go on", code=error.code)
        return RETRY_SECONDS
    except (NotFound, InternalError):
        _dead_letter(record)
        return None


def _dead_letter(record: SQSRecord) -> None:
    logger.error("A message that names no job was sent to the dead-letter queue", message_id=record.message_id)
    bootstrap.services().queue.dead_letter(record.body)
