"""What CloudWatch is asked for when the spend of the account is compared with the table's."""

from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from aws import clients
from aws.monitoring import PERIOD_SECONDS, images_made

REGION = "us-west-2"
SINCE, UNTIL = datetime(2026, 10, 31, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)


def test_the_metric_of_bedrock_is_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    metric = {
        "Namespace": "AWS/Bedrock",
        "MetricName": "OutputImageCount",
        "Dimensions": [{"Name": "ModelId", "Value": "a-model"}],
    }
    query = {"Id": "m0", "MetricStat": {"Metric": metric, "Period": PERIOD_SECONDS, "Stat": "Sum"}}
    wanted = {"MetricDataQueries": [query], "StartTime": SINCE, "EndTime": UNTIL}
    with Stubber(clients.cloudwatch(REGION)) as service:
        service.add_response("get_metric_data", {"MetricDataResults": [{"Id": "m0", "Values": [2.0, 3.0]}]}, wanted)
        assert images_made([("a-model", REGION)], SINCE.timestamp(), UNTIL.timestamp()) == 5
