"""How many generations a minute one total can take: transactions on one item conflict, and are retried with jitter.

A model of it, not a measurement: arrivals at random, each transaction occupies the item for a fixed time, and whoever
comes meanwhile is refused and backs off as aws/table.py does. Prints a Markdown table.

    python bench/contention.py
"""

import heapq
import random
from dataclasses import dataclass

SECONDS = 300
ROUND_TRIP = 0.005
TRIES, FIRST_PAUSE, LONGEST_PAUSE = 20, 0.1, 2.0  # as in aws/table.py


@dataclass(frozen=True)
class Result:
    conflicts: float
    given_up: float
    p99_seconds: float


def simulate(generations_per_minute: int, occupied: float, seed: int = 1) -> Result:
    """Two transactions for each generation, its begin and its end; `occupied` is in seconds."""
    chance = random.Random(seed)  # noqa: S311 - a model
    queue: list[tuple[float, int, int, float]] = []
    at = 0.0
    while at < SECONDS:
        at += chance.expovariate(generations_per_minute * 2 / 60)
        queue.append((at, len(queue), 0, at))
    number, free_at, conflicts, given_up, waits = len(queue), 0.0, 0, 0, []
    while queue:
        now, place, tries, since = heapq.heappop(queue)
        if now >= free_at:
            free_at = now + occupied
            waits.append(now - since)
            continue
        conflicts += 1
        if tries + 1 == TRIES:
            given_up += 1
            continue
        pause = chance.uniform(0, min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE))
        heapq.heappush(queue, (now + pause + ROUND_TRIP, place, tries + 1, since))
    return Result(conflicts / number, given_up / number, sorted(waits)[int(len(waits) * 0.99)])


def row(rate: int, milliseconds: int) -> str:
    found = simulate(rate, milliseconds / 1000)
    shown = f"{found.conflicts:.2f} | {found.given_up:.2%} | {found.p99_seconds:.1f} s"
    return f"| {rate} | {milliseconds} ms | {shown} |"


def main() -> None:
    heading = "| generations a minute | a transaction takes | conflicts for each | given up | p99 wait |"
    rows = [row(rate, milliseconds) for milliseconds in (10, 20) for rate in (100, 1000, 1500, 2000)]
    print("\n".join([heading, "|---" * 5 + "|", *rows]))  # noqa: T201


if __name__ == "__main__":
    main()
