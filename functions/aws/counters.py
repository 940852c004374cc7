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


class CapReached(Exception):
    """The hold would pass the cap."""


class HoldLapsed(Exception):
    """The amount that is held under this name lapsed, and is to be settled first."""


@dataclass(frozen=True)
class Held:
    """An amount in micro-dollars, held until a time in epoch seconds."""

    micros: int
    until: float


@dataclass(frozen=True)
class Account:
    """A scope's month: micro-dollars spent, images paid, and what is held under which name."""

    spent: int = 0
    images: int = 0
    holds: Mapping[str, Held] = field(default_factory=dict)


@dataclass(frozen=True)
class Counters:
    """The accounts in the table of that name. Everything raises TableError.

    `committed` is what is spent and held together, because DynamoDB adds in updates and not in conditions.
    """

    table: str

    def hold(self, account: str, name: str, held: Held, cap: int | None, now: float) -> tuple[Account, bool]:
        """Holds an amount under a name. One that is held under it already stays, and is held longer. Answers with the
        account as it is then, and whether it was held already. Raises CapReached, HoldLapsed."""
        if cap is not None and held.micros > cap:
            raise CapReached
        room = "" if cap is None else " AND (attribute_not_exists(committed) OR committed <= :most)"
        until = _seconds(held.until)
        values = {":held": {"micros": held.micros, "held_until": until}, ":micros": held.micros}
        if cap is not None:
            values[":most"] = cap - held.micros
        item = self._update(
            account, name, "SET #hold = :held ADD committed :micros", f"attribute_not_exists(#hold){room}", values
        )
        was_held = item is None
        if was_held:
            item = self._update(
                account,
                name,
                "SET #hold.held_until = :until",
                "#hold.held_until >= :now",
                {":until": until, ":now": _seconds(now)},
            )
        if item is None:
            raise HoldLapsed if name in self.account(account).holds else CapReached
        return _account(item), was_held

    def settle(self, account: str, name: str, held_micros: int, micros: int, images: int) -> bool:
        """Turns what is held under a name into what was spent; False where that amount is not held under it."""
        item = self._update(
            account,
            name,
            "REMOVE #hold ADD committed :change, spent :micros, images :images",
            "#hold.micros = :held",
            {":held": held_micros, ":change": micros - held_micros, ":micros": micros, ":images": images},
        )
        return item is not None

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


def _seconds(time: float) -> Decimal:
    return Decimal(f"{time:.3f}")


def _key(account: str) -> dict[str, Any]:
    return {KEY: _serialize(account)}


def _account(item: Mapping[str, Any]) -> Account:
    values = {name: _deserialize(value) for name, value in item.items()}
    holds = {
        name.removeprefix(_HOLD): Held(int(held["micros"]), float(held["held_until"]))
        for name, held in values.items()
        if name.startswith(_HOLD)
    }
    return Account(int(values.get("spent", 0)), int(values.get("images", 0)), holds)
