"""What an operator has set for single API keys, in place of the parameters: the items `key#<caller>`.

An execution environment remembers each entry that it has read. A transaction that relies on an entry checks that it is
still the same, and is tried again with the one in the table if it is not. So a change counts at once, no request reads
more than before, and an entry that cannot be read refuses instead of opening a cap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aws.table import Check, Record, Same
from imaging import ports
from imaging.errors import Misconfigured, table_needed
from imaging.money import micros
from imaging.records.record import GenerationRecord

BUDGET, OPEN_JOBS = "budget_usd", "open_jobs"

Unlimited = Literal["none"]
Budget = Annotated[Decimal, Field(ge=0, decimal_places=6, allow_inf_nan=False)]


class KeyEntry(BaseModel):
    """A caller's entry. What it leaves out is the parameter's; `none` is no cap, and 0 allows nothing."""

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    budget_usd: Unlimited | Budget | None = None
    open_jobs: Unlimited | Annotated[int, Field(ge=0)] | None = None

    def budget(self, default: int | None) -> int | None:
        """Micro-dollars that the key may spend in a month; None is no cap."""
        match self.budget_usd:
            case None:
                return default
            case Decimal():
                return micros(self.budget_usd)
        return None

    def jobs(self, default: int | None) -> int | None:
        """How many unfinished jobs the key may have; None is no cap."""
        match self.open_jobs:
            case None:
                return default
            case int():
                return self.open_jobs
        return None


@dataclass
class Keys:
    """The entries, as this execution environment read them last. A caller without one has the parameters' values."""

    table: ports.Table
    _found: dict[str, tuple[Record, KeyEntry]] = field(default_factory=dict)

    def known(self, caller: str) -> KeyEntry:
        return self._last_read(caller)[1]

    def checks(self, before: GenerationRecord, after: GenerationRecord) -> Sequence[Check]:
        """That the caps by which a change of a record reserves money, or opens a job, are still those in the table."""
        relied = [
            *([BUDGET] if after.reserved and after.attempt != before.attempt else []),
            *([OPEN_JOBS] if after.is_open and not before.is_open else []),
        ]
        found, _ = self._last_read(after.owner)
        return [Check(key(after.owner), Same({name: found.get(name) for name in relied}))] if relied else []

    def renew(self, caller: str) -> None:
        """Reads the entry again. Raises Misconfigured if it is malformed, DependencyUnavailable."""
        with table_needed():
            found = self.table.get(key(caller)) or {}
        self._found[caller] = found, parsed(caller, found)

    def _last_read(self, caller: str) -> tuple[Record, KeyEntry]:
        return self._found.get(caller, ({}, _NO_ENTRY))


def key(caller: str) -> str:
    return f"key#{caller}"


def parsed(caller: str, found: Record) -> KeyEntry:
    """An entry of the table. Raises Misconfigured, which names what is wrong."""
    try:
        return KeyEntry.model_validate(found)
    except ValidationError as error:
        wrong = ", ".join(sorted({str(one["loc"][0]) for one in error.errors()}))
        raise Misconfigured(
            f"The table's entry {key(caller)} is malformed ({wrong}), so nothing was generated or paid. The operator "
            "must correct it."
        ) from None


_NO_ENTRY = KeyEntry()
