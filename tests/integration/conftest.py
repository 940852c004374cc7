"""The real adapters: S3 and DynamoDB by moto in this process, Bedrock by the emulator on a loopback port."""

from collections.abc import Iterator

import boto3
import httpx
import pytest
from moto import mock_aws

import bootstrap
from aws import bedrock, clients
from local import ministack, net
from local.emulator.testing import running_emulator
from local.places import Places
from tests.fakes.environment import ENVIRONMENT

BUCKET = "images-of-the-tests"
TABLE = "records-of-the-tests"

_CACHES = [
    bedrock._client,  # noqa: SLF001 - it keeps the endpoint of the test that made it
    *(part for module in (bootstrap, clients) for part in vars(module).values() if hasattr(part, "cache_clear")),
]


@pytest.fixture(scope="session")
def emulator_url() -> Iterator[str]:
    with running_emulator() as url:
        yield url


@pytest.fixture(scope="session")
def ministack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MiniStack alone, with its own folder and port."""
    places, port = Places(tmp_path_factory.mktemp("ministack")), net.free_port()
    places.make()
    try:
        ministack.start(places, port)
        ministack.wait(places, port)
        yield net.url(port)
    finally:
        ministack.process(places).stop()


@pytest.fixture
def control(emulator_url: str) -> Iterator[httpx.Client]:
    """Reset the emulator, and return its control endpoint."""
    with httpx.Client(base_url=emulator_url) as client:
        client.post("/_control", json={}).raise_for_status()
        client.delete("/_control/calls").raise_for_status()
        yield client


@pytest.fixture
def aws(emulator_url: str, control: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001
    """An AWS account with an empty bucket and all five models, and a function's environment."""
    environment = ENVIRONMENT | {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": emulator_url,
        "BUCKET_NAME": BUCKET,
        "TABLE_NAME": TABLE,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _forget()
    with mock_aws(config={"core": {"passthrough": {"urls": [f"{emulator_url}.*"]}}}):
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "listing", "AttributeType": "S"},
                {"AttributeName": "listed_at", "AttributeType": "N"},
            ],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "listings",
                    "KeySchema": [
                        {"AttributeName": "listing", "KeyType": "HASH"},
                        {"AttributeName": "listed_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        yield
    _forget()


def _forget() -> None:
    for cache in _CACHES:
        cache.cache_clear()
