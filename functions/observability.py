"""The logger and the metrics. Never log or count prompts, image bytes, links or keys."""

import logging
import traceback
import warnings
from typing import Literal

from aws_lambda_powertools import Logger, Metrics

# Powertools warns at each request without a metric, such as a health check.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# Lambda sets the root logger to LogLevel. At DEBUG the AWS SDK would log prompts, session tokens and signatures.
logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))

# Lambda's log level filter treats a line with any other timestamp format as INFO.
logger = Logger(use_rfc3339=True)
metrics = Metrics()

Outcome = Literal["completed", "partial", "failed", "replayed"]


def log_outcome(*, caller: str, generation_id: str, outcome: Outcome, **facts: str | float | None) -> None:
    """Logs how a generation ended, in one line with its caller and outcome.

    `facts` are what an operator filters by, such as model, images, cost_usd, code and aws_error.
    """
    fields = {"caller": caller, "generation_id": generation_id, "outcome": outcome, **facts}
    logger.info("A generation ended", extra={name: fact for name, fact in fields.items() if fact is not None})


def log_bug(error: Exception) -> None:
    """Logs an exception's type and stack, but not its message, which may quote the request."""
    logger.error("A bug", exception_name=type(error).__name__, stack=traceback.format_tb(error.__traceback__))
