"""Dollars for 1,000 images beside the model's own price, from measured durations and list prices.

Prices: us-east-1, x86_64, on demand, without free tiers or discounts, as AWS publishes them on the services' pricing
pages (aws.amazon.com/lambda/pricing and so on). Written down in November 2026 from guides of 2025 and 2026 that quote
these pages. Compare them with the pages before you decide anything by them.
"""

from collections.abc import Sequence

from bench.measure import Result

MILLION = 1_000_000
LAMBDA_GB_SECOND = 0.0000166667
LAMBDA_REQUEST = 0.20 / MILLION
REST_API_REQUEST = 3.50 / MILLION
TABLE_WRITE_UNIT = 0.625 / MILLION
S3_PUT = 0.005 / 1000
S3_GB_MONTH = 0.023
EVENT = 1.00 / MILLION
LOG_GB = 0.50
CONTAINER_VCPU_HOUR = 0.04048
CONTAINER_GB_HOUR = 0.004445
LOAD_BALANCER_HOUR = 0.0225

MODEL_SECONDS = 3.0
AUTHORIZER_GB_SECONDS = 0.128 * 0.02
# Begin and end write a record of up to 2 KB and two totals each, twice because they are transactions; the image's
# record has two indexes to write.
TABLE_WRITE_UNITS = 2 * (2 + 1 + 1) * 2 + 4
IMAGE_GB = 0.0018
LOG_GB_OF_A_REQUEST = 4e-6
HOURS_OF_A_MONTH = 730
IMAGES = 1000


def of_memory_sizes(results: Sequence[Result]) -> list[Result]:
    """From the durations of one fitted image at each memory size; the baseline is the container's month."""
    month = container_month()
    durations = {int(result.details["memory"]): result.subject for result in results if "warm-fit-" in result.name}
    return [
        Result(f"cost-1000-images-{memory}-mb", of_images(memory, seconds), month, None, 1, "$")
        for memory, seconds in durations.items()
    ]


def of_images(memory: int, seconds: float) -> float:
    """1,000 requests of one image: the function waits for the model, and is billed while it waits."""
    function = (MODEL_SECONDS + seconds) * memory / 1024 * LAMBDA_GB_SECOND
    return IMAGES * (function + _beside_the_function())


def _beside_the_function() -> float:
    calls = REST_API_REQUEST + 2 * LAMBDA_REQUEST + AUTHORIZER_GB_SECONDS * LAMBDA_GB_SECOND + EVENT
    return calls + TABLE_WRITE_UNITS * TABLE_WRITE_UNIT + S3_PUT + IMAGE_GB * S3_GB_MONTH + LOG_GB_OF_A_REQUEST * LOG_GB


def container_month() -> float:
    """A container of 0.5 processors and 1 GB behind a load balancer, whether it works or not."""
    return HOURS_OF_A_MONTH * (0.5 * CONTAINER_VCPU_HOUR + CONTAINER_GB_HOUR + LOAD_BALANCER_HOUR)
