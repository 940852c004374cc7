"""The only place where the logger and the metrics are made. Prompts, pictures, links and keys go to neither."""

import warnings

from aws_lambda_powertools import Logger, Metrics

# Powertools reminds of it at each request that counts nothing, such as a health check.
warnings.filterwarnings("ignore", message="No application metrics to publish")

logger = Logger()
metrics = Metrics()
