"""The only place where the logger and the metrics are made. Prompts, pictures, links and keys go to neither."""

import traceback
import warnings

from aws_lambda_powertools import Logger, Metrics

# Powertools reminds of it at each request that counts nothing, such as a health check.
warnings.filterwarnings("ignore", message="No application metrics to publish")

logger = Logger()
metrics = Metrics()


def log_bug(error: Exception) -> None:
    """Logs where a bug struck, without the exception's own words: those may quote the request."""
    logger.error("A bug", exception_name=type(error).__name__, stack=traceback.format_tb(error.__traceback__))
