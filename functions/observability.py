"""The logger and the metrics. Never log or count prompts, image bytes, links or keys."""

import logging
import traceback
import warnings

from aws_lambda_powertools import Logger, Metrics

# Powertools warns at each request without a metric, such as a health check.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# Lambda sets the root logger to LogLevel. At DEBUG the AWS SDK would log prompts, session tokens and signatures.
logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))

# Lambda's log level filter treats a line with any other timestamp format as INFO.
logger = Logger(use_rfc3339=True)
metrics = Metrics()


def log_bug(error: Exception) -> None:
    """Logs an exception's type and stack, but not its message, which may quote the request."""
    logger.error("A bug", exception_name=type(error).__name__, stack=traceback.format_tb(error.__traceback__))
