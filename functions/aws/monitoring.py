"""Reads CloudWatch's metrics of Amazon Bedrock."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws import clients
from aws.errors import ServiceError, raising

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricStatTypeDef, MetricTypeDef

PERIOD_SECONDS = 60


class MonitoringError(ServiceError):
    """CloudWatch refused or did not answer."""


def images_made(models: Collection[tuple[str, str]], since: float, until: float) -> int:
    """How many images these models made between two times in epoch seconds, each a model id or ARN with its region.

    Counts every caller in the account. The metric is described in Bedrock's user guide ("Monitor Amazon Bedrock using
    CloudWatch metrics"). Raises MonitoringError.
    """
    regions = {region for _, region in models}
    return sum(
        _images_made(region, [model for model, where in models if where == region], since, until) for region in regions
    )


def _images_made(region: str, models: Collection[str], since: float, until: float) -> int:
    queries = [_query(f"m{number}", model) for number, model in enumerate(models)]
    with raising(MonitoringError):
        pages = (
            clients.cloudwatch(region)
            .get_paginator("get_metric_data")
            .paginate(
                MetricDataQueries=queries,
                StartTime=datetime.fromtimestamp(since, UTC),
                EndTime=datetime.fromtimestamp(until, UTC),
            )
        )
        return round(sum(sum(result["Values"]) for page in pages for result in page["MetricDataResults"]))


def _query(name: str, model: str) -> "MetricDataQueryTypeDef":
    metric: MetricTypeDef = {
        "Namespace": "AWS/Bedrock",
        "MetricName": "OutputImageCount",
        "Dimensions": [{"Name": "ModelId", "Value": model}],
    }
    stat: MetricStatTypeDef = {"Metric": metric, "Period": PERIOD_SECONDS, "Stat": "Sum"}
    return {"Id": name, "MetricStat": stat}
