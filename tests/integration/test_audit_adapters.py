"""What the auditor asks of AWS: Bedrock's control plane by the emulator, CloudWatch by moto."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import pytest

from aws import bedrock, clients
from aws.bedrock import BedrockError, ModelStatus
from aws.monitoring import images_made

CORE = "stability.stable-image-core-v1:1"
TITAN = "amazon.titan-image-generator-v2:0"
REGION = "us-west-2"

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def control_plane(control: httpx.Client, emulator_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", emulator_url)
    clients.bedrock.cache_clear()
    yield control
    clients.bedrock.cache_clear()


def configure(control: httpx.Client, **configuration: object) -> None:
    control.post("/_control", json=configuration).raise_for_status()


def test_a_living_model_is_active_and_available(control_plane: httpx.Client) -> None:  # noqa: ARG001 - it is asked
    assert bedrock.model_status(CORE, REGION) == ModelStatus("ACTIVE", is_available=True, end_of_life=None)


def test_the_end_of_life_is_read(control_plane: httpx.Client) -> None:
    configure(control_plane, lifecycle={CORE: {"status": "LEGACY", "end_of_life": "2027-01-31T00:00:00Z"}})
    status = bedrock.model_status(CORE, REGION)
    assert (status.status, status.end_of_life) == ("LEGACY", datetime(2027, 1, 31, tzinfo=UTC))


@pytest.mark.parametrize("unknown", ["stability.stable-image-core-v9:9", TITAN])
def test_a_model_that_bedrock_does_not_know_is_retired(control_plane: httpx.Client, unknown: str) -> None:
    configure(control_plane, retired=[TITAN])
    assert bedrock.model_status(unknown, REGION) == ModelStatus("RETIRED", is_available=False, end_of_life=None)


def test_a_refusal_says_nothing_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:9")
    clients.bedrock.cache_clear()
    with pytest.raises(BedrockError, match=BedrockError.UNREACHABLE):
        bedrock.model_status(CORE, REGION)
    clients.bedrock.cache_clear()


def count(metric: str, model: str, at: float, images: int, region: str = REGION) -> None:
    boto3.client("cloudwatch", region_name=region).put_metric_data(
        Namespace="AWS/Bedrock",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "ModelId", "Value": model}],
                "Timestamp": datetime.fromtimestamp(at, UTC),
                "Value": images,
            }
        ],
    )


def test_images_of_these_models_regions_and_minutes_are_counted_and_no_others() -> None:
    since = datetime.now(UTC).timestamp() // 60 * 60 - 600
    count("OutputImageCount", CORE, since + 60, 3)
    count("OutputImageCount", CORE, since + 120, 4)
    count("OutputImageCount", TITAN, since + 120, 5, region="us-east-1")
    count("OutputImageCount", CORE, since - 60, 100)
    count("OutputImageCount", CORE, since + 300, 100)
    count("OutputImageCount", "somebody-elses", since + 60, 100)
    count("OutputImageCount", CORE, since + 60, 100, region="us-east-1")
    count("Invocations", CORE, since + 60, 100)

    assert images_made({(CORE, REGION), (TITAN, "us-east-1")}, since, since + 300) == 12


def test_the_metric_is_bedrocks_own_sum_of_each_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    client = clients.cloudwatch(REGION)
    client.meta.events.register(
        "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: asked.append(params)
    )
    monkeypatch.setattr(clients, "cloudwatch", lambda _: client)

    images_made({(CORE, REGION)}, 0, 60)

    dimensions = [{"Name": "ModelId", "Value": CORE}]
    metric = {"Namespace": "AWS/Bedrock", "MetricName": "OutputImageCount", "Dimensions": dimensions}
    [query] = asked[0]["MetricDataQueries"]
    assert query["MetricStat"] == {"Metric": metric, "Period": 60, "Stat": "Sum"}
    assert (asked[0]["StartTime"], asked[0]["EndTime"]) == (
        datetime.fromtimestamp(0, UTC),
        datetime.fromtimestamp(60, UTC),
    )
