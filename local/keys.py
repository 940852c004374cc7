"""API keys of the stack, stored in its folder, so that they survive a restart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from examples.keys import Keys
from local import ministack
from local.deployment import STACK_NAME, Deployed
from local.places import Places, read_json, write_json


@dataclass(frozen=True)
class StoredKey:
    """A key with its caps and limits, as `make key` was given them."""

    name: str
    value: str
    entry: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


def create(  # noqa: PLR0913, PLR0917 - a key and where it belongs
    places: Places, endpoint: str, deployed: Deployed, name: str, entry: Mapping[str, str], limits: Mapping[str, str]
) -> str:
    """Create a key with the rights of the first, and return its value."""
    named = {**entry, "name": name}
    value = _keys(endpoint, deployed).create(name, named, limits).value
    _store(places, [*_load(places), StoredKey(name, value, named, limits)])
    return value


def restore(places: Places, endpoint: str, deployed: Deployed) -> str:
    """Create the stored keys that are missing, and return the value of the first."""
    stored = _load(places) or [StoredKey("first", deployed.api_key)]
    keys = _keys(endpoint, deployed)
    there = {key.value for key in keys.all()}
    for key in stored:
        if key.value not in there:
            keys.create(key.name, key.entry, key.limits, key.value)
    _store(places, stored)
    return stored[0].value


def _keys(endpoint: str, deployed: Deployed) -> Keys:
    apigateway, dynamodb = (ministack.client(service, endpoint) for service in ("apigateway", "dynamodb"))
    names = (deployed.resources[name] for name in ("Table", "Api", "UsagePlan", "PublicUsagePlan", "ApiKey"))
    return Keys(apigateway, dynamodb, STACK_NAME, *names)


def _load(places: Places) -> list[StoredKey]:
    return [StoredKey(**key) for key in (read_json(places.keys) or {"keys": []})["keys"]]


def _store(places: Places, keys: list[StoredKey]) -> None:
    write_json(places.keys, {"keys": [asdict(key) for key in keys]})
