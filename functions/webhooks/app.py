"""The sender of webhooks: tries the delivery of each SQS message once."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
import tracing
from imaging.deadline import Deadline
from imaging.errors import InternalError, NotFound
from messages import take_all
from observability import logger, metrics
from webhooks.body import body


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return take_all(event, context, bootstrap.services().webhook_queue, _send)


def _send(record: SQSRecord, _: Deadline) -> float | None:
    with tracing.continued(record.attributes.aws_trace_header), tracing.step("## webhook"):
        return _try(record)


def _try(record: SQSRecord) -> float | None:
    logger.append_keys(delivery_id=record.body)
    services = bootstrap.services()
    try:
        return services.webhooks.send(record.body, partial(body, gallery=services.gallery))
    except (NotFound, InternalError):
        # Its caller's data were erased, or the sweeper looks at it again.
        logger.warning("A message that names no delivery was dropped")
        return None
