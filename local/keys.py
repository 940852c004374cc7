"""Further API keys for the running stack."""

from typing import Any

from local import deployment, ministack
from local.deployment import Deployed


def create(endpoint: str, name: str) -> str:
    """The value of a new key, which may ask for what the first may."""
    apigateway: Any = ministack.client("apigateway", endpoint)
    key = apigateway.create_api_key(name=name, enabled=True)
    plan = _usage_plan(deployment.describe(endpoint))
    apigateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    value: str = key["value"]
    return value


def _usage_plan(deployed: Deployed) -> str:
    return deployed.resources["UsagePlan"]
