"""Manages the API keys of a deployed stack: `make keys STACK=… RUN='create "web shop" --budget 25 --rate 5'`.

Needs an operator's AWS credentials. A key is named by its id or its name. A value is printed once, when a key is made.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self

import boto3

STAGE = "api"
DEFAULT, NONE = "default", "none"
LIMITS = {"rate": "/throttle/rateLimit", "burst": "/throttle/burstLimit", "quota": "/quota/limit"}

Entry = Mapping[str, str]
"""What is set for a key: `name`, `budget_usd` and `open_jobs`, as texts. `default` takes an attribute away."""

Limits = Mapping[str, str]
"""A key's own `rate`, `burst` and `quota`, as texts."""


class Refused(Exception):
    """Nothing was changed; the message says why, and what to do."""


@dataclass(frozen=True)
class Key:
    """An API key of the stack, and the usage plan that it is in."""

    id: str
    name: str
    value: str
    enabled: bool
    plan: Mapping[str, Any]

    @property
    def caller(self) -> str:
        return hashlib.sha256(self.value.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Keys:
    """The keys of one stack. `first` is its own key, and `plan` the usage plan that keys share; a key with limits of
    its own is in another."""

    apigateway: Any
    dynamodb: Any
    stack: str
    table: str
    api: str
    plan: str
    public_plan: str
    first: str

    @classmethod
    def of(cls, stack: str) -> Self:
        resource = boto3.client("cloudformation").describe_stack_resource
        names = (
            resource(StackName=stack, LogicalResourceId=name)["StackResourceDetail"]["PhysicalResourceId"]
            for name in ("Table", "Api", "UsagePlan", "PublicUsagePlan", "ApiKey")
        )
        return cls(boto3.client("apigateway"), boto3.client("dynamodb"), stack, *names)

    def all(self) -> Iterator[Key]:
        """Every key of the stack, but the anonymous one."""
        values = {key["id"]: key for key in self._pages("get_api_keys", includeValues=True)}
        for plan in self._plans():
            for member in self._pages("get_usage_plan_keys", usagePlanId=plan["id"]):
                if found := values.get(member["id"]):
                    yield Key(found["id"], found.get("name", ""), found["value"], found["enabled"], plan)

    def find(self, text: str) -> Key:
        """The key with this id or name. Raises Refused if there is none, or more than one."""
        found = [key for key in self.all() if text in (key.id, key.name)]
        if len(found) != 1:
            many = f"{len(found)} keys are named {text!r}: {', '.join(key.id for key in found)}. Use the id."
            raise Refused(many if found else f"{self.stack} has no key with the id or name {text!r}.")
        return found[0]

    def create(self, name: str, entry: Entry, limits: Limits, value: str | None = None) -> Key:
        """A new key, in the shared plan, or in its own if it has limits."""
        given = {"value": value} if value else {}
        made = self.apigateway.create_api_key(name=name, enabled=True, **given)
        key = Key(made["id"], name, made["value"], enabled=True, plan={"id": self.plan})
        if entry:
            self.enter(key.caller, entry)
        self._join(key, self._own_plan(name, limits) if limits else self.plan)
        return key

    def enter(self, caller: str, entry: Entry) -> None:
        """Writes attributes of the caller's entry, which count from the next request on."""
        kept = {name: _attribute(name, value) for name, value in entry.items() if value != DEFAULT}
        gone = [name for name, value in entry.items() if value == DEFAULT]
        update = (f"SET {', '.join(f'#{name} = :{name}' for name in kept)} " if kept else "") + (
            f"REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
        )
        values = {"ExpressionAttributeValues": {f":{name}": value for name, value in kept.items()}} if kept else {}
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"id": {"S": f"key#{caller}"}},
            UpdateExpression=update,
            ExpressionAttributeNames={f"#{name}": name for name in entry},
            **values,
        )

    def entries(self) -> Mapping[str, Entry]:
        """What is set for each caller."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table,
            FilterExpression="begins_with(id, :kind)",
            ExpressionAttributeValues={":kind": {"S": "key#"}},
        )
        items = (item for page in pages for item in page["Items"])
        return {item.pop("id")["S"].removeprefix("key#"): _texts(item) for item in items}

    def rename(self, key: Key, name: str) -> None:
        self._patch("update_api_key", {"apiKey": key.id}, {"/name": name})
        self.enter(key.caller, {"name": name})

    def enable(self, key: Key, *, enabled: bool) -> None:
        self._patch("update_api_key", {"apiKey": key.id}, {"/enabled": str(enabled).lower()})

    def limit(self, key: Key, limits: Limits) -> None:
        """Gives the key a usage plan of its own, or changes that which it has. Between two plans it is in none, so that
        a request of that moment is refused with 401."""
        if key.plan["id"] != self.plan:
            self._patch("update_usage_plan", {"usagePlanId": key.plan["id"]}, _patches(limits))
            return
        own = self._own_plan(key.name or key.id, limits)
        self._leave(key)
        self._join(key, own)

    def share_limits(self, key: Key) -> None:
        """Puts the key back into the plan that all share."""
        if key.plan["id"] == self.plan:
            return
        self._leave(key)
        self._join(key, self.plan)

    def rotate(self, key: Key) -> Key:
        """A new key with the same name, entry and limits. Both work until the old one is disabled."""
        made = self.apigateway.create_api_key(name=key.name, enabled=True)
        new = Key(made["id"], key.name, made["value"], enabled=True, plan=key.plan)
        self.enter(new.caller, {"name": key.name, **self.entries().get(key.caller, {})})
        self._join(new, key.plan["id"])
        return new

    def delete(self, key: Key) -> None:
        """Deletes a disabled key. Its entry stays: it names the key in the months past, and stops jobs that wait."""
        if key.id == self.first:
            raise Refused(f"The key {key.id} belongs to the stack. Disable it instead.")
        if key.enabled:
            raise Refused(f"The key {key.id} is enabled, so somebody may use it. Disable it first.")
        self.enter(key.caller, {"name": key.name, "budget_usd": "0", "open_jobs": "0"})
        self._leave(key)
        self.apigateway.delete_api_key(apiKey=key.id)

    def _plans(self) -> Iterator[Mapping[str, Any]]:
        for plan in self._pages("get_usage_plans"):
            apis = {stage["apiId"] for stage in plan.get("apiStages", ())}
            if plan["id"] != self.public_plan and self.api in apis:
                yield plan

    def _own_plan(self, name: str, limits: Limits) -> str:
        """A new plan, with the shared one's values where the key has none of its own."""
        shared = self.apigateway.get_usage_plan(usagePlanId=self.plan)
        throttle, quota = dict(shared.get("throttle") or {}), dict(shared.get("quota") or {})
        throttle |= {f"{what}Limit": kind(limits[what]) for what, kind in _THROTTLE.items() if what in limits}
        quota = {"limit": int(limits["quota"]), "period": "MONTH"} if "quota" in limits else quota
        made = self.apigateway.create_usage_plan(
            name=f"{self.stack}: {name}",
            apiStages=[{"apiId": self.api, "stage": STAGE}],
            throttle=throttle,
            **({"quota": quota} if quota else {}),
        )
        plan: str = made["id"]
        return plan

    def _join(self, key: Key, plan: str) -> None:
        self.apigateway.create_usage_plan_key(usagePlanId=plan, keyId=key.id, keyType="API_KEY")

    def _leave(self, key: Key) -> None:
        """Takes the key out of its plan, and deletes one of its own that is empty then."""
        plan = key.plan["id"]
        self.apigateway.delete_usage_plan_key(usagePlanId=plan, keyId=key.id)
        if plan != self.plan and not list(self._pages("get_usage_plan_keys", usagePlanId=plan)):
            stage = {"op": "remove", "path": "/apiStages", "value": f"{self.api}:{STAGE}"}
            self.apigateway.update_usage_plan(usagePlanId=plan, patchOperations=[stage])
            self.apigateway.delete_usage_plan(usagePlanId=plan)

    def _patch(self, operation: str, what: Mapping[str, str], values: Mapping[str, str]) -> None:
        patches = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
        getattr(self.apigateway, operation)(**what, patchOperations=patches)

    def _pages(self, operation: str, **arguments: object) -> Iterator[Mapping[str, Any]]:
        for page in self.apigateway.get_paginator(operation).paginate(**arguments):
            yield from page["items"]


_THROTTLE = {"rate": float, "burst": int}


def _patches(limits: Limits) -> Mapping[str, str]:
    period = {"/quota/period": "MONTH"} if "quota" in limits else {}
    return {LIMITS[what]: value for what, value in limits.items()} | period


def _attribute(name: str, value: str) -> Mapping[str, str]:
    return {"S": value} if name == "name" or value == NONE else {"N": value}


def _texts(item: Mapping[str, Mapping[str, str]]) -> Entry:
    return {name: str(next(iter(value.values()))) for name, value in item.items()}


def _budget(text: str) -> str:
    """US dollars, `none` or `default`."""
    if text in (NONE, DEFAULT):
        return text
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount != round(amount, 6):
        raise argparse.ArgumentTypeError(f"{text!r} is no budget; write US dollars, none or default")
    return text


def _jobs(text: str) -> str:
    if text in (NONE, DEFAULT) or (text.isascii() and text.isdecimal()):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no number of jobs; write a whole number, none or default")


def _whole(text: str) -> str:
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")


def _rate(text: str) -> str:
    try:
        is_rate = 0 < float(text) < float("inf")
    except ValueError:
        is_rate = False
    if not is_rate:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return text


def entry_of(options: argparse.Namespace) -> Entry:
    given = {"budget_usd": options.budget, "open_jobs": options.jobs}
    return {name: value for name, value in given.items() if value is not None}


def limits_of(options: argparse.Namespace) -> Limits:
    return {what: value for what in LIMITS if (value := getattr(options, what)) is not None}


def _create(keys: Keys, options: argparse.Namespace) -> None:
    _show_new(keys.create(options.name, {**entry_of(options), "name": options.name}, limits_of(options)))


def _list(keys: Keys, _: argparse.Namespace) -> None:
    entries = keys.entries()
    _say(_ROW.format("id", "caller", "name", "state", "budget $", "jobs", "rate", "burst", "quota"))
    for key in sorted(keys.all(), key=lambda key: key.name):
        entry, throttle = entries.get(key.caller, {}), key.plan.get("throttle") or {}
        limits = (throttle.get("rateLimit"), throttle.get("burstLimit"), (key.plan.get("quota") or {}).get("limit"))
        _say(
            _ROW.format(
                key.id,
                key.caller,
                key.name,
                "enabled" if key.enabled else "disabled",
                entry.get("budget_usd", DEFAULT),
                entry.get("open_jobs", DEFAULT),
                *(NONE if limit is None else f"{float(limit):g}" for limit in limits),
            )
        )


def _name(keys: Keys, options: argparse.Namespace) -> None:
    keys.rename(keys.find(options.key), options.name)
    _say(f"The key is named {options.name!r} now.")


def _cap(keys: Keys, options: argparse.Namespace) -> None:
    entry = entry_of(options)
    if not entry:
        raise Refused("Say what: --budget, --jobs, or both.")
    keys.enter(keys.find(options.key).caller, entry)
    _say("The caps count from the next request on.")


def _set_rate(keys: Keys, options: argparse.Namespace) -> None:
    limits, key = limits_of(options), keys.find(options.key)
    if bool(limits) == options.default:
        raise Refused("Say what: --rate, --burst and --quota, or --default.")
    if options.default:
        keys.share_limits(key)
    else:
        keys.limit(key, limits)
    _say("API Gateway applies the limits within a minute.")


def _enable(keys: Keys, options: argparse.Namespace) -> None:
    keys.enable(keys.find(options.key), enabled=options.enabled)
    if options.enabled:
        _say("The key is enabled.")
    else:
        _say("The key is disabled. Its jobs that wait still run, unless its budget is 0: cap … --budget 0")


def _rotate(keys: Keys, options: argparse.Namespace) -> None:
    old = keys.find(options.key)
    _show_new(keys.rotate(old))
    _say(
        f"The old key, {old.id}, works until you disable it: give the caller the new one, then disable {old.id}. Each "
        "of the two has its own month, images and jobs."
    )


def _delete(keys: Keys, options: argparse.Namespace) -> None:
    keys.delete(keys.find(options.key))
    _say("The key is deleted. What it spent stays in the month's totals, and its images stay until they expire.")


def _show_new(key: Key) -> None:
    _say(f"id      {key.id}\ncaller  {key.caller}\nkey     {key.value}")


_ROW = "{:<11} {:<17} {:<23} {:<9} {:>9} {:>8} {:>7} {:>7} {:>9}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def add_caps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--budget", type=_budget, help="US dollars a month; none: no cap; default: the parameter's")
    parser.add_argument("--jobs", type=_jobs, help="unfinished jobs; none: no cap; default: the parameter's")


def add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=_rate, help="requests a second")
    parser.add_argument("--burst", type=_whole, help="requests at once")
    parser.add_argument("--quota", type=_whole, help="requests a month")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make keys", description=__doc__)
    parser.add_argument("--stack", default=os.environ.get("STACK"))
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Any, help_text: str, *arguments: str) -> argparse.ArgumentParser:  # noqa: ANN401 - a handler
        subparser = commands.add_parser(name, help=help_text)
        subparser.set_defaults(run=run)
        for argument in arguments:
            subparser.add_argument(argument)
        return subparser

    create = command("create", _create, "make a key, and print it", "name")
    add_caps(create)
    add_limits(create)
    command("list", _list, "show all keys, without their values")
    command("name", _name, "change a key's name", "key", "name")
    add_caps(command("cap", _cap, "change a key's budget and unfinished jobs", "key"))
    rate = command("rate", _set_rate, "change a key's rate, burst and quota", "key")
    add_limits(rate)
    rate.add_argument("--default", action="store_true", help="the limits that all keys share")
    command("disable", _enable, "refuse a key's requests", "key").set_defaults(enabled=False)
    command("enable", _enable, "take a key's requests again", "key").set_defaults(enabled=True)
    command("rotate", _rotate, "make a key that replaces another, which goes on working", "key")
    command("delete", _delete, "delete a disabled key", "key")
    return parser.parse_args()


def main() -> None:
    options = _options()
    if not options.stack:
        sys.exit("Say which stack: make keys STACK=text-to-image-api RUN=list")
    try:
        options.run(Keys.of(options.stack), options)
    except Refused as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
