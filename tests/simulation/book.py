"""What truly happened: every model call, what it was billed, every attempt and what was counted for it. The product
knows none of this; each change of its records is compared with it at once."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from imaging.ids import image_id
from tests.simulation.scheduler import Process
from tests.simulation.world import World

Outcome = Literal["in flight", "answered", "refused", "unknown"]

STACK = "stack"
OVER = {"succeeded", "failed", "cancelled"}

REMEMBERED_SECONDS = 55
"""How long a billed failure is replayed at least; clocks may differ by the rest."""


@dataclass(frozen=True)
class About:
    """The generation and the part of it that a model call makes; it was created at `created_at`."""

    generation: str
    owner: str
    epoch: str
    attempt: str
    places: tuple[int, ...]
    created_at: float

    @property
    def image_ids(self) -> list[str]:
        return [image_id(self.generation, place) for place in self.places]


@dataclass(eq=False)
class Call:
    """`is_usable`: the answer has every billed picture."""

    number: int
    process: Process
    about: About
    model: str
    prompt: str
    seed: int
    images: int
    price_micros: int
    at: float
    is_billed: bool = False
    is_usable: bool = False
    outcome: Outcome = "in flight"
    is_making: bool = True

    @property
    def micros(self) -> int:
        return self.images * self.price_micros

    @property
    def may_be_billed(self) -> bool:
        return self.outcome in {"answered", "unknown"}


@dataclass(eq=False)
class Attempt:
    token: str
    process: Process
    generation: str
    owner: str
    epoch: str
    reserved: int
    calls: list[Call] = field(default_factory=list)
    settled: int | None = None
    is_lost: bool = False

    @property
    def is_ended_by_itself(self) -> bool:
        return self.settled is not None and not self.is_lost

    @property
    def billed(self) -> int:
        return sum(call.micros for call in self.calls if call.is_billed)


@dataclass(eq=False)
class Book:
    """The caps of the stack's and each key's spend are in micro-dollars; `jobs_cap` is that of each key's unfinished
    jobs. An entry `key#<caller>` in the table replaces them for that key; a lowered cap takes nothing back."""

    world: World
    stack_cap: int | None
    key_cap: int | None
    jobs_cap: int | None
    calls: list[Call] = field(default_factory=list)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    billed_failures: dict[str, tuple[float, str]] = field(default_factory=dict)
    reserved: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    counted: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    unfinished: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    seen_totals: dict[str, int] = field(default_factory=dict)

    def begins(self, call: Call, stored: Mapping[str, Any]) -> None:
        """Check the start of a model call; `stored` are the objects in the bucket with their metadata."""
        about = call.about
        there = [
            name for name in about.image_ids if name in stored and stored[name].metadata.get("epoch") == about.epoch
        ]
        self.world.expect(
            len(there) < len(about.places), f"a model call for images that lie in the bucket: {there}, {about}"
        )
        rivals = [
            other
            for other in self.calls
            if other.about.generation == about.generation
            and other.is_making
            and other.process.is_alive
            and other.process is not call.process
        ]
        self.world.expect(not rivals, f"a model call while another live attempt has the generation: {about}")
        paid = [other for other in self.calls if other.is_usable and self._is_same_work(other, call)]
        self.world.expect(not paid, f"a model call for pictures that were paid for and brought: {about}")
        self.calls.append(call)
        attempt = self.attempts.get(about.attempt)
        self.world.expect(attempt, f"a model call before anything is reserved: {about}")
        if attempt:
            attempt.calls.append(call)

    def _is_same_work(self, other: Call, call: Call) -> bool:
        """Whether a surviving attempt of this submission requested the same images."""
        here, there = call.about, other.about
        same = (here.generation, here.created_at, here.places) == (there.generation, there.created_at, there.places)
        return same and other.process is not call.process and self.attempts[there.attempt].is_ended_by_itself

    def written(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        """Check a change of a generation's record."""
        is_forgotten = before is None or (before["status"] in OVER and before["expiration"] <= self.world.now + 1)
        old, new = {} if before is None or is_forgotten else before, after
        generation = str(new["id"]).partition("#")[2]
        self.statuses[generation] = new["status"]
        is_unfinished = new["is_job"] and new["status"] not in OVER
        (self.unfinished[new["owner"]].add if is_unfinished else self.unfinished[new["owner"]].discard)(generation)
        self.hashes[generation].add(new["request_hash"])
        self._stays_cancelled(old, new)
        had = old["attempt"] if old.get("status") == "running" else None
        has = new["attempt"] if new.get("status") == "running" else None
        if had is not None and had != has:
            self._ended(self.attempts[had], old, new)
        elif new.get("spent", 0) != old.get("spent", 0):
            self.world.violated("something was counted although no attempt ended")
        if has is not None and has != had:
            owner, reserved = new["owner"], new.get("reserved", 0)
            self._begins_after(generation, new["request_hash"])
            self.attempts[has] = Attempt(has, self.world.scheduler.process, generation, owner, new["epoch"], reserved)
        for record, sign in ((old, -1), (new, 1)):
            for scope in (record.get("owner"), STACK):
                if record.get("status") == "running":
                    self.reserved[record.get("month", ""), str(scope)] += sign * record.get("reserved", 0)
                else:
                    self.world.expect(not record.get("reserved"), "a reservation without an attempt")

    def _begins_after(self, generation: str, request_hash: str) -> None:
        """Check that a billed failure is replayed for a while."""
        at, failed = self.billed_failures.get(generation, (-math.inf, ""))
        self.world.expect(
            failed != request_hash or self.world.now > at + REMEMBERED_SECONDS,
            f"{generation} begins again right after a failure that was billed",
        )

    def _stays_cancelled(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Check that a job that a caller cancelled is not made again for a while by its own request and key."""
        was_deleted = old.get("status") == "cancelled" and old["is_keyed"] and old["remembered_until"]
        if was_deleted and new["status"] not in OVER and old["request_hash"] == new["request_hash"]:
            self.world.expect(
                self.world.now > old["ended_at"] + REMEMBERED_SECONDS, f"{new['id']} begins again right after Stop"
            )

    def totals_are_right(self, totals: Mapping[str, Mapping[str, Any]]) -> None:
        """Check the month totals and the counts of unfinished jobs; `totals` are their records by key."""
        for owner, jobs in self.unfinished.items():
            count = totals.get(f"jobs#{owner}", {}).get("open", 0)
            self.world.expect(count == len(jobs), f"{owner}: {count} jobs count as unfinished, and {len(jobs)} are")
            cap = _own(totals, owner, "open_jobs", self.jobs_cap)
            self._is_below(cap, f"jobs#{owner}", count, f"{owner}: {count} unfinished jobs are")
        for month, scope in {**self.reserved, **self.counted}:
            total = totals.get(f"spend#{month}#{scope}", {})
            spent, committed = total.get("spent", 0), total.get("committed", 0)
            self.world.expect(
                spent == self.counted[month, scope],
                f"{scope} {month}: {spent} is counted, by the records it is {self.counted[month, scope]}",
            )
            self.world.expect(
                committed == spent + self.reserved[month, scope],
                f"{scope} {month}: {committed} is committed, {spent} is spent, {self.reserved[month, scope]} reserved",
            )
            cap = self.stack_cap if scope == STACK else _own(totals, scope, "budget_usd", self.key_cap, 1_000_000)
            self._is_below(cap, f"spend#{month}#{scope}", committed, f"{scope} {month}: {committed} is")

    def _is_below(self, cap: int | None, key: str, now: int, what: str) -> None:
        """Check that a total does not grow above its cap."""
        before, self.seen_totals[key] = self.seen_totals.get(key, 0), now
        self.world.expect(cap is None or now <= max(cap, before), f"{what} above the cap {cap}")

    def at_rest(self) -> None:
        """Check the end: nothing is reserved, and everything billed is counted as spent."""
        for place, reserved in self.reserved.items():
            self.world.expect(reserved == 0, f"at rest {reserved} is reserved for {place}")
        for owner, jobs in self.unfinished.items():
            self.world.expect(not jobs, f"at rest {len(jobs)} jobs of {owner} are unfinished")
        for generation, status in self.statuses.items():
            self.world.expect(status in OVER, f"the generation {generation} is {status} at rest")
        for attempt in self.attempts.values():
            self.world.expect(attempt.settled is not None, f"an attempt was never settled: {attempt.token}")
        for owner in {call.about.owner for call in self.calls}:
            billed = sum(call.micros for call in self.calls if call.is_billed and call.about.owner == owner)
            counted = sum(micros for (_, scope), micros in self.counted.items() if scope == owner)
            unknown = sum(self._unexplained(each) for each in self.attempts.values() if each.owner == owner)
            self.world.expect(billed <= counted, f"{owner}: {billed} was billed and {counted} counted")
            self.world.expect(
                counted - billed <= unknown, f"{owner}: {counted} counted, {billed} billed, {unknown} unknown"
            )

    def _ended(self, attempt: Attempt, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        settled = new.get("spent", 0) - old.get("spent", 0)
        attempt.settled = settled
        for scope in (attempt.owner, STACK):
            self.counted[old.get("month", ""), scope] += settled
        if attempt.process is self.world.scheduler.process:
            expected = sum(call.micros for call in attempt.calls if call.may_be_billed)
            self.world.expect(
                settled == expected, f"attempt {attempt.token} counted {settled}, its calls may have cost {expected}"
            )
            if new["status"] == "failed" and attempt.calls and {each.outcome for each in attempt.calls} == {"answered"}:
                self.billed_failures[attempt.generation] = self.world.now, new["request_hash"]
            return
        attempt.is_lost = True
        self.world.seen["attempt lost"] += 1
        self.world.expect(
            not attempt.process.is_alive, f"attempt {attempt.token} of {attempt.process.name} lives and was taken over"
        )
        self.world.expect(
            attempt.process.is_dead or attempt.process.table_faults > 1,
            f"attempt {attempt.token} of {attempt.process.name} was lost without need",
        )
        self.world.expect(
            settled == attempt.reserved, f"lost attempt {attempt.token} counted {settled} of {attempt.reserved}"
        )
        self.world.expect(attempt.billed <= settled, f"lost attempt {attempt.token} was billed {attempt.billed}")

    @staticmethod
    def _unexplained(attempt: Attempt) -> int:
        """Return the spend that no model call explains."""
        if attempt.is_lost:
            return attempt.reserved - attempt.billed
        return sum(call.micros for call in attempt.calls if call.outcome == "unknown" and not call.is_billed)

    def calls_for(self, generation: str, place: int) -> Sequence[Call]:
        return [call for call in self.calls if call.about.generation == generation and place in call.about.places]


def _own(
    records: Mapping[str, Mapping[str, Any]], caller: str, what: str, default: int | None, unit: int = 1
) -> int | None:
    """Return the cap in a caller's entry, or else the default."""
    own = records.get(f"key#{caller}", {}).get(what)
    if own is None:
        return default
    return None if own == "none" else round(own * unit)
