"""Counts money in the table: an item for each month and scope, changed under conditions and never by reading first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from aws import clients
from aws.table import KEY, as_table_error

if TYPE_CHECKING:
    from types_boto3_dynamodb.literals import ReturnValueType

_HOLD = "hold#"

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Held:
    """An amount in micro-dollars, held until a time in epoch seconds, by one attempt at what it is held for."""

    micros: int
    until: float
    by: str


@dataclass(frozen=True)
class Account:
    """A scope's month: micro-dollars spent, images paid, and what is held under which name."""

    spent: int = 0
    images: int = 0
    holds: Mapping[str, Held] = field(default_factory=dict)


class CapReached(Exception):
    """The hold would pass the cap, with the account as it is."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account


class HeldByAnother(Exception):
    """Another attempt holds something under the same name and has not settled it."""

    def __init__(self, held: Held) -> None:
        super().__init__()
        self.held = held


@dataclass(frozen=True)
class Counters:
    """The accounts in the table of that name. Everything raises TableError.

    `committed` is what is spent and held together, because DynamoDB adds in updates and not in conditions.
    """

    table: str

    def hold(self, account: str, name: str, held: Held, cap: int | None) -> Account:
        """Holds an amount under a name; answers with the account as it is then. Raises CapReached, HeldByAnother."""
        if cap is not None and held.micros > cap:
            raise CapReached(self.account(account))
        room = "" if cap is None else " AND (attribute_not_exists(committed) OR committed <= :most)"
        values: dict[str, Any] = {":held": _written(held), ":micros": held.micros}
        if cap is not None:
            values[":most"] = cap - held.micros
        item = self._update(
            account, name, "SET #hold = :held ADD committed :micros", f"attribute_not_exists(#hold){room}", values
        )
        return _account(item) if item else self._refused(account, name, held)

    def settle(self, account: str, name: str, held: Held, micros: int, images: int) -> bool:
        """Turns what is held under a name into what was spent; False where that attempt holds nothing under it."""
        item = self._update(
            account,
            name,
            "REMOVE #hold ADD committed :change, spent :micros, images :images",
            "#hold.held_by = :by",
            {":by": held.by, ":change": micros - held.micros, ":micros": micros, ":images": images},
        )
        return item is not None

    def _refused(self, account: str, name: str, held: Held) -> Account:
        found = self.account(account)
        there = found.holds.get(name)
        if there is None:
            raise CapReached(found)
        if there.by != held.by:
            raise HeldByAnother(there)
        return found  # the SDK sent it again, after an answer that was lost

    def account(self, account: str) -> Account:
        with as_table_error():
            answer = clients.dynamodb().get_item(TableName=self.table, Key=_key(account), ConsistentRead=True)
        return _account(answer.get("Item", {}))

    def _update(
        self, account: str, name: str, update: str, condition: str, values: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """The whole item after the update; None where the condition did not hold."""
        returned: ReturnValueType = "ALL_NEW"
        try:
            with as_table_error(passing="ConditionalCheckFailedException"):
                answer = clients.dynamodb().update_item(
                    TableName=self.table,
                    Key=_key(account),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#hold": f"{_HOLD}{name}"},
                    ExpressionAttributeValues={key: _serialize(value) for key, value in values.items()},
                    ReturnValues=returned,
                )
        except ClientError:
            return None
        return answer["Attributes"]


def _written(held: Held) -> dict[str, Any]:
    return {"micros": held.micros, "held_until": Decimal(f"{held.until:.3f}"), "held_by": held.by}


def _key(account: str) -> dict[str, Any]:
    return {KEY: _serialize(account)}


def _account(item: Mapping[str, Any]) -> Account:
    values = {name: _deserialize(value) for name, value in item.items()}
    holds = {
        name.removeprefix(_HOLD): Held(int(held["micros"]), float(held["held_until"]), held["held_by"])
        for name, held in values.items()
        if name.startswith(_HOLD)
    }
    return Account(int(values.get("spent", 0)), int(values.get("images", 0)), holds)
