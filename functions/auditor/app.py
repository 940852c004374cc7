"""The auditor: once a day, asks Bedrock for the listed models, and holds the ledger against Bedrock's own count."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

import bootstrap
import tracing
from observability import logger, metrics


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@tracing.traced
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int | None]:  # noqa: ARG001 - a scheduled event carries nothing
    """Raises what kept an audit from its end, so that the function's errors show it."""
    uncounted = bootstrap.services().reconciliation.uncounted()
    if uncounted is not None:
        metrics.add_metric(name="UncountedImages", unit=MetricUnit.Count, value=uncounted)
    ending = bootstrap.services().lifecycle.observe()
    metrics.add_metric(name="ModelsEnding", unit=MetricUnit.Count, value=ending)
    return {"uncounted": uncounted, "ending": ending}
