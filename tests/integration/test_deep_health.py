"""GET /health?deep=true checks the real services."""

import json
from typing import Any

import boto3
import httpx
import pytest
from types_boto3_bedrock.type_defs import LoggingConfigTypeDef

import bootstrap
from api.app import lambda_handler
from imaging.errors import ModelUnavailable
from tests.fakes.lambda_runtime import FakeContext, http_event
from tests.integration.conftest import BUCKET, TABLE

pytestmark = pytest.mark.usefixtures("aws")

TITAN, CORE = "amazon.titan-image-generator-v2:0", "stability.stable-image-core-v1:1"
LOGGING: LoggingConfigTypeDef = {"s3Config": {"bucketName": BUCKET}, "textDataDeliveryEnabled": True}


def deep() -> tuple[int, dict[str, Any]]:
    answer = lambda_handler(http_event("GET", "/health?deep=true"), FakeContext())
    return answer["statusCode"], json.loads(answer["body"])


def failing(body: dict[str, Any]) -> list[str]:
    return [check["name"] for check in body["checks"] if not check["ok"]]


def generate() -> None:
    lambda_handler({"text": "a fox"}, FakeContext())


def test_a_working_stack_is_healthy() -> None:
    status, body = deep()
    assert (status, body["status"]) == (200, "ok")
    assert [check["name"] for check in body["checks"]] == [
        "bucket",
        "table",
        "amazon.titan-image-generator-v2:0",
        "stability.stable-image-core-v1:1",
        "stability.stable-image-ultra-v1:1",
    ]


def test_it_says_in_which_regions_the_account_logs_prompts() -> None:
    boto3.client("bedrock", region_name="us-west-2").put_model_invocation_logging_configuration(loggingConfig=LOGGING)
    assert deep()[1]["prompt_logging"] == [
        {"region": "us-east-1", "enabled": False},
        {"region": "us-west-2", "enabled": True},
    ]


def test_a_retired_model_degrades(control: httpx.Client) -> None:
    control.post("/_control", json={"retired": ["amazon.titan-image-generator-v2:0"]})
    generate()
    status, body = deep()
    assert (status, body["status"]) == (200, "degraded")
    assert failing(body) == ["amazon.titan-image-generator-v2:0"]


def test_a_new_environment_reports_the_refusal_too(control: httpx.Client) -> None:
    control.post("/_control", json={"retired": [TITAN]})
    generate()
    here = deep()
    bootstrap.services.cache_clear()
    assert deep() == here
    assert here[1]["status"] == "degraded"


def test_a_model_that_answers_again_is_healthy_in_every_environment(control: httpx.Client) -> None:
    control.post("/_control", json={"retired": [TITAN, CORE]})
    with pytest.raises(ModelUnavailable):
        generate()
    assert failing(deep()[1]) == [TITAN, CORE]

    control.post("/_control", json={"retired": [TITAN]})
    lambda_handler({"text": "a fox", "model": "core"}, FakeContext())
    assert failing(deep()[1]) == [TITAN]
    bootstrap.services.cache_clear()
    assert failing(deep()[1]) == [TITAN]


def test_a_listed_model_past_its_published_end_is_reported_before_it_refuses() -> None:
    told = {check["name"]: check.get("detail") for check in deep()[1]["checks"]}
    assert "end of life on 2026-06-30" in told[TITAN]
    assert told[CORE] is None


def test_without_a_bucket_it_is_unhealthy() -> None:
    boto3.client("s3").delete_bucket(Bucket=BUCKET)
    status, body = deep()
    assert (status, body["status"], failing(body)) == (503, "unavailable", ["bucket"])


def test_without_a_table_it_is_unhealthy() -> None:
    boto3.client("dynamodb").delete_table(TableName=TABLE)
    status, body = deep()
    assert (status, body["status"], failing(body)) == (503, "unavailable", ["table"])
