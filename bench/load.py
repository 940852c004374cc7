"""The whole laptop stack under load: HTTP through its front, and jobs through its queue."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx

from bench.laptop import Laptop
from bench.measure import Result, Spread, percentile
from bench.requests import NATIVE, WrongAnswer

CLIENTS = (1, 8, 32)
WORKERS = (2, 8, 16)
MODEL_MILLISECONDS = 3000
JOBS_OF_A_WORKER = 4
PATIENCE = 120
ACCEPTED_AT_ONCE = 4


def http(laptop: Laptop, runs: int) -> list[Result]:
    """Each client sends its next request when the last is answered; the baseline is one client alone."""
    results: list[Result] = []
    for clients in CLIENTS:
        taken, errors = _load(laptop, clients, max(runs, clients))
        results.append(_latencies(f"http-{clients}", taken, errors, results[0].subject if results else None))
    return results


def _load(laptop: Laptop, clients: int, requests: int) -> tuple[list[float], int]:
    laptop.configure()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: _generate(laptop), range(clients)))
        _let_end(laptop, clients)
        laptop.configure()
        answers = list(pool.map(lambda _: _generate(laptop), range(requests)))
    _let_end(laptop, requests)
    errors = sum(answer.status_code != httpx.codes.OK for answer, _ in answers)
    if not requests - errors <= laptop.billed() <= requests:
        raise WrongAnswer(f"{requests} requests with {errors} errors made {laptop.billed()} images")
    return [seconds for _, seconds in answers], errors


def _generate(laptop: Laptop, **headers: str) -> tuple[httpx.Response, float]:
    started = time.perf_counter()
    answer = laptop.http.post(
        f"{laptop.description['api_url']}/generate",
        json=NATIVE.body(next(laptop.seeds)),
        headers={"x-api-key": laptop.description["api_key"], **headers},
    )
    return answer, time.perf_counter() - started


def _latencies(name: str, taken: Sequence[float], errors: int, alone: float | None) -> Result:
    p50, p95, p99 = (percentile(taken, percent) for percent in (50, 95, 99))
    base = alone or p50
    ratio = Spread(p50 / base, min(taken) / base, max(taken) / base)
    return Result(name, p50, base, ratio, len(taken), details={"p50": p50, "p95": p95, "p99": p99, "errors": errors})


def jobs_per_minute(laptop: Laptop, runs: int) -> list[Result]:
    """Jobs of a model that takes 3 s; the baseline is what the workers could do if nothing but the model took time."""
    return [_rate(laptop, workers, runs) for workers in WORKERS]


def _rate(laptop: Laptop, workers: int, runs: int) -> Result:
    ideal = workers * 60_000 / MODEL_MILLISECONDS
    rates = [_jobs_per_minute(laptop, workers) for _ in range(runs)]
    ratio = Spread.of([rate / ideal for rate in rates])
    return Result(f"jobs-per-minute-{workers}", ratio.median * ideal, ideal, ratio, runs, "jobs/min")


def _jobs_per_minute(laptop: Laptop, workers: int) -> float:
    """All jobs are queued before the workers begin: from the first model call to the end of the last."""
    jobs = workers * JOBS_OF_A_WORKER
    laptop.configure(latency_ms=MODEL_MILLISECONDS)
    _set_workers(laptop, Enabled=False)
    with ThreadPoolExecutor(ACCEPTED_AT_ONCE) as pool:
        list(pool.map(lambda _: _accepted(laptop), range(jobs)))
    _set_workers(laptop, Enabled=True, ScalingConfig={"MaximumConcurrency": workers})
    calls = _calls(laptop, jobs)
    first, last = (float(edge(call["at"] for call in calls)) for edge in (min, max))
    return jobs * 60.0 / (last + MODEL_MILLISECONDS / 1000 - first)


def _accepted(laptop: Laptop) -> None:
    answer, _ = _generate(laptop, prefer="respond-async")
    if answer.status_code != httpx.codes.ACCEPTED:
        raise WrongAnswer(answer.text)


def _let_end(laptop: Laptop, requests: int) -> None:
    """A request that outlasts the gateway is answered 504, and its function goes on; what follows must not count it."""
    with suppress(WrongAnswer):
        _calls(laptop, requests)


def _calls(laptop: Laptop, expected: int) -> list[dict[str, Any]]:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        calls: list[dict[str, Any]] = laptop.http.get(f"{laptop.description['bedrock_url']}/_control/calls").json()
        if len(calls) >= expected:
            return calls
        time.sleep(0.5)
    raise WrongAnswer(f"the model was called {len(calls)} times instead of {expected} within {PATIENCE} s")


def _set_workers(laptop: Laptop, **settings: object) -> None:
    functions, name = laptop.client("lambda"), laptop.description["functions"]["WorkerFunction"]
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], **settings)
