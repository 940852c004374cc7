"""The sweeper: on a schedule, resumes or ends unfinished generations that are due, and has due webhooks sent."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
import tracing
from imaging.deadline import Deadline
from observability import logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@tracing.traced
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - a scheduled event carries nothing
    services, deadline = bootstrap.services(), Deadline.after(context.get_remaining_time_in_millis() / 1000)
    due = services.jobs.sweep(deadline)
    metrics.add_metric(name="GenerationsDue", unit=MetricUnit.Count, value=due)
    used = services.ledger.stack_used()
    if used is not None:
        metrics.add_metric(name="BudgetUsedPercent", unit=MetricUnit.Percent, value=used)
    deliveries = services.webhooks.sweep(deadline)
    metrics.add_metric(name="DeliveriesDue", unit=MetricUnit.Count, value=deliveries)
    return {"due": due, "deliveries": deliveries}
