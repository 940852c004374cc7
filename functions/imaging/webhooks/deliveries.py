"""Reads and writes deliveries. Each write is conditional on the revision that was read."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from aws.table import KEY, ConditionFailed, Page, Record
from imaging import ports
from imaging.errors import InternalError, NotFound, table_needed
from imaging.records import delivery as records
from imaging.records.delivery import Delivery
from imaging.records.store import Changed
from observability import log_bug

DUE_PAGE = 50


@dataclass(frozen=True)
class Deliveries:
    """Everything raises DependencyUnavailable if the table does not answer."""

    table: ports.Table
    now: Callable[[], float] = time.time

    def find(self, delivery_id: str) -> Delivery | None:
        """Raises InternalError if the record is malformed."""
        with table_needed():
            record = self.table.get(records.key(delivery_id))
        return _parsed(record) if record else None

    def get(self, owner: str, delivery_id: str) -> Delivery:
        """The owner's delivery. Raises NotFound."""
        found = self.find(delivery_id)
        if found is None or found.owner != owner:
            raise NotFound("There is no such delivery: it has expired, or belongs to another caller.")
        return found

    def get_many(self, delivery_ids: Sequence[str]) -> Sequence[Delivery]:
        """Those that exist, in the given order."""
        keys = [records.key(each) for each in delivery_ids]
        with table_needed():
            found = self.table.get_many(keys)
        return [_parsed(found[key]) for key in keys if key in found]

    def listed(self, owner: str, limit: int, start: Record | None) -> Page:
        """A page of the owner's deliveries, the newest first, as records."""
        with table_needed():
            return self.table.listed(records.listing(owner), limit, start=start)

    def due(self) -> Iterator[str]:
        """The ids of unfinished deliveries that are due, the longest due first."""
        until, page = self.now(), Page((), None)
        while True:
            with table_needed():
                page = self.table.listed(records.DUE, DUE_PAGE, until=until, start=page.next)
            yield from [records.due_id(record[KEY]) for record in page.records]
            if page.next is None:
                return

    def change(self, delivery: Delivery, **changes: object) -> Delivery:
        """Raises Changed if the record was changed since it was read, or erased."""
        changed = delivery.model_copy(update={**changes, "revision": secrets.token_hex(8)})
        try:
            with table_needed():
                self.table.write(records.puts(changed, records.unchanged(delivery)), changed.revision)
        except ConditionFailed:
            # If the answer to a write was lost, its retry fails its own condition.
            if (found := self.find(delivery.id)) and found.revision == changed.revision:
                return changed
            raise Changed from None
        return changed


def _parsed(record: Mapping[str, Any]) -> Delivery:
    try:
        return records.parsed(record)
    except ValidationError as error:
        log_bug(error)
        raise InternalError from None
