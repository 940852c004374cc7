"""What an operator's scripts need of a deployed stack, on moto."""

import boto3
import pytest

from examples.keys import Keys
from tests.integration.conftest import TABLE


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, aws: None) -> Keys:  # noqa: ARG001 - moto
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    apigateway = boto3.client("apigateway")
    api = apigateway.create_rest_api(name="dev")["id"]
    root = apigateway.get_resources(restApiId=api)["items"][0]["id"]
    apigateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    apigateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    apigateway.create_deployment(restApiId=api, stageName="api")
    stages = [{"apiId": api, "stage": "api"}]
    shared = {"throttle": {"rateLimit": 10.0, "burstLimit": 20}, "quota": {"limit": 1000, "period": "MONTH"}}
    plan = apigateway.create_usage_plan(name="all", apiStages=stages, **shared)["id"]
    public = apigateway.create_usage_plan(name="anonymous", apiStages=stages)["id"]
    other = apigateway.create_usage_plan(name="another stack's")["id"]
    first = apigateway.create_api_key(name="first", enabled=True)["id"]
    for where, key in ((plan, first), (public, _key("anonymous")), (other, _key("stranger"))):
        apigateway.create_usage_plan_key(usagePlanId=where, keyId=key, keyType="API_KEY")
    return Keys(apigateway, boto3.client("dynamodb"), "dev", TABLE, api, plan, public, first)


def _key(name: str) -> str:
    return str(boto3.client("apigateway").create_api_key(name=name, enabled=True)["id"])
