"""Every row, by the name under which `make bench ROWS=…` measures it."""

from collections.abc import Callable
from dataclasses import dataclass

from bench import cold, containers, jobs, load, packages, warm
from bench.laptop import Laptop
from bench.measure import Result
from bench.requests import FITTED, NATIVE

Measure = Callable[[Laptop, int], list[Result]]


@dataclass(frozen=True)
class Row:
    """`measure` gives this row, and further ones that come with it; `quick` rows take a few seconds with one run."""

    measure: Measure
    runs: int
    quick: bool = False


ROWS: dict[str, Row] = {
    "warm-n1-0s": Row(lambda laptop, runs: warm.warm(laptop, "warm-n1-0s", NATIVE, runs), 60, quick=True),
    "warm-fit-0s": Row(lambda laptop, runs: warm.warm(laptop, "warm-fit-0s", FITTED, runs), 40, quick=True),
    "warm-n1-3s": Row(lambda laptop, runs: warm.warm(laptop, "warm-n1-3s", NATIVE, runs, milliseconds=3000), 8),
    "n4-vs-n1-3s": Row(containers.four_images, 6),
    "cold-vs-boto3": Row(cold.cold_vs_boto3, 20, quick=True),
    "cold-vs-fastapi": Row(cold.cold_vs_fastapi, 20, quick=True),
    "cold-authorizer": Row(cold.cold_authorizer, 30, quick=True),
    "memory-n4": Row(warm.memory, 5, quick=True),
    "table-calls": Row(warm.table_calls, 5, quick=True),
    "jobs-1000-vs-10": Row(jobs.by_queue_length, 40),
    "cold-worker-vs-boto3": Row(cold.cold_worker, 10),
    "cold-first-answer": Row(lambda laptop, runs: [cold.first_answer(laptop, runs)], 15, quick=True),
    "memory-sizes": Row(containers.memory_sizes, 3),
    "http": Row(load.http, 60),
    "jobs-per-minute": Row(load.jobs_per_minute, 2),
    "packages": Row(packages.sizes, 1, quick=True),
}
