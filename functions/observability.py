"""The only place where the logger and the metrics are made. Prompts, pictures, links and keys go to neither."""

import logging
import traceback
import warnings
from typing import Literal

from aws_lambda_powertools import Logger, Metrics

# Powertools reminds of it at each request that counts nothing, such as a health check.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# Lambda sets the root logger to LogLevel. At DEBUG the AWS SDK would log prompts, session tokens and signatures.
logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))

# Lambda's level filter takes a line with any other timestamp for INFO.
logger = Logger(use_rfc3339=True)
metrics = Metrics()

Outcome = Literal["completed", "partial", "failed", "replayed"]


def log_outcome(*, caller: str, generation_id: str, outcome: Outcome, **facts: str | float | None) -> None:
    """Logs how a generation ended: the one line that tells who asked, for what, and what came of it.

    `facts` are what an operator counts by, such as model, images, cost_usd, code and aws_error.
    """
    told = {"caller": caller, "generation_id": generation_id, "outcome": outcome, **facts}
    logger.info("A generation ended", extra={name: fact for name, fact in told.items() if fact is not None})


def log_bug(error: Exception) -> None:
    """Logs where a bug struck, without the exception's own words: those may quote the request."""
    logger.error("A bug", exception_name=type(error).__name__, stack=traceback.format_tb(error.__traceback__))
