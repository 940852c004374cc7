"""API keys of the stack, stored in its folder, so that they survive a restart."""

import secrets
from collections.abc import Iterable
from typing import Any

from local import ministack
from local.deployment import Deployed
from local.places import Places, read_json, write_json

Key = dict[str, str]


def create(places: Places, endpoint: str, deployed: Deployed, name: str) -> str:
    """Create a key with the rights of the first, and return its value."""
    key = {"name": name, "value": secrets.token_hex(16)}
    _install(endpoint, deployed, [key])
    _store(places, [*_load(places), key])
    return key["value"]


def restore(places: Places, endpoint: str, deployed: Deployed) -> str:
    """Create the stored keys that are missing, and return the value of the first."""
    keys = _load(places) or [{"name": "first", "value": deployed.api_key}]
    _install(endpoint, deployed, keys)
    _store(places, keys)
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
    """Return the ids of all keys by value."""
    pages = apigateway.get_paginator("get_api_keys").paginate(includeValues=True)
    return {key["value"]: key["id"] for page in pages for key in page["items"]}


def _attached(apigateway: Any, plan: str) -> set[str]:  # noqa: ANN401 - an untyped client
    pages = apigateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan)
    return {key["id"] for page in pages for key in page["items"]}


def _load(places: Places) -> list[Key]:
    keys: list[Key] = (read_json(places.keys) or {"keys": []})["keys"]
    return keys


def _store(places: Places, keys: list[Key]) -> None:
    write_json(places.keys, {"keys": keys})
