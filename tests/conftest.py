"""What every suite shares: the services on fakes.

Powertools reads its environment when the functions are imported, so it is set first.
"""

import os

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "TextToImageApi",
    "POWERTOOLS_SERVICE_NAME": "text-to-image-api",
}

pytest_plugins = ["tests.fakes.services"]
