"""API keys of the stack: remembered in its folder, so that every start has the same ones."""

import secrets
from collections.abc import Iterable
from typing import Any

from local import ministack
from local.deployment import Deployed
from local.places import Places, read_json, write_json

Key = dict[str, str]


def create(places: Places, endpoint: str, deployed: Deployed, name: str) -> str:
    """The value of a new key, which may do what the first may."""
    key = {"name": name, "value": secrets.token_hex(16)}
    _install(endpoint, deployed, [key])
    _remember(places, [*_remembered(places), key])
    return key["value"]


def restore(places: Places, endpoint: str, deployed: Deployed) -> str:
    """Creates the remembered keys where they are missing, and returns the value of the first."""
    keys = _remembered(places) or [{"name": "first", "value": deployed.api_key}]
    _install(endpoint, deployed, keys)
    _remember(places, keys)
    return keys[0]["value"]


def _install(endpoint: str, deployed: Deployed, keys: Iterable[Key]) -> None:
    apigateway: Any = ministack.client("apigateway", endpoint)
    plan = deployed.resources["UsagePlan"]
    ids, attached = _ids(apigateway), _attached(apigateway, plan)
    for key in keys:
        key_id = ids.get(key["value"]) or apigateway.create_api_key(**key, enabled=True)["id"]
        if key_id not in attached:
            apigateway.create_usage_plan_key(usagePlanId=plan, keyId=key_id, keyType="API_KEY")


def _ids(apigateway: Any) -> dict[str, str]:  # noqa: ANN401 - an untyped client
    """Each key's id, by its value."""
    pages = apigateway.get_paginator("get_api_keys").paginate(includeValues=True)
    return {key["value"]: key["id"] for page in pages for key in page["items"]}


def _attached(apigateway: Any, plan: str) -> set[str]:  # noqa: ANN401 - an untyped client
    pages = apigateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan)
    return {key["id"] for page in pages for key in page["items"]}


def _remembered(places: Places) -> list[Key]:
    keys: list[Key] = (read_json(places.keys) or {"keys": []})["keys"]
    return keys


def _remember(places: Places, keys: list[Key]) -> None:
    write_json(places.keys, {"keys": keys})
