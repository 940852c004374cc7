"""The only place where the logger and the metrics are made. Prompts, pictures, links and keys go to neither."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics()
