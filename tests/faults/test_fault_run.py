"""Jobs under throttling, server errors, lost answers and a killed worker: all end, and what is billed is delivered.

`make faults` runs two hundred of them, the suite some. Each job has seeds of its own, by which its calls are told.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from imaging.ids import image_id
from tests.e2e.laptop import PROJECT, Emulator, Stack, environment_of, eventually
from tests.faults.lossy import LossyProxy, lossy

JOBS = int(os.environ.get("FAULT_RUN_JOBS", "24"))
WORKERS = 5
SEEDS_PER_JOB = 10
RNG_SEED = 4
LOST_ANSWERS = 0.08
"""The share of lost answers of the table, the bucket, the queue and the bus."""

FAULTS = [
    {"model": "*", "error": "ThrottlingException", "rate": 0.3},
    {"model": "*", "error": "InternalServerException", "rate": 0.05},
]


@dataclass(frozen=True)
class Ordered:
    """A job; its number determines its request and the seeds of its calls."""

    number: int
    id: str
    where: str

    @property
    def images(self) -> int:
        return _request(self.number)["number_of_images"]


@dataclass(frozen=True)
class Worker:
    process: subprocess.Popen[bytes]
    note: Path

    @property
    def at_hand(self) -> str:
        """Return the id of its current job, if any."""
        return self.note.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Kill:
    """`in_flight` counts the billed images of the calls that the killed worker had in flight."""

    job: Ordered
    in_flight: int


Hire = Callable[[], Worker]


@pytest.fixture
def proxy(stack: Stack) -> Iterator[LossyProxy]:
    with lossy(stack.description["aws_endpoint_url"], LOST_ANSWERS, RNG_SEED) as proxy:
        yield proxy


@pytest.fixture
def hire(stack: Stack, proxy: LossyProxy, tmp_path: Path) -> Iterator[Hire]:
    """Start workers: processes with WorkerFunction's code, environment and role."""
    environment = environment_of(stack, "WorkerFunction") | {"AWS_ENDPOINT_URL": proxy.url}
    poller = stack.description["aws_endpoint_url"]
    workers: list[Worker] = []

    def start() -> Worker:
        note, log = (tmp_path / f"{len(workers)}.{kind}" for kind in ("note", "log"))
        note.touch()
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-m", "tests.faults.drain", stack.description["queue_url"], str(note), poller],
                cwd=PROJECT,
                env=environment,
                stdout=output,
                stderr=output,
            )
        workers.append(Worker(process, note))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


@pytest.mark.timeout(1500)
def test_all_jobs_end_and_what_is_billed_is_delivered(
    api: httpx.Client, stack: Stack, emulator: Emulator, proxy: LossyProxy, hire: Hire
) -> None:
    emulator.configure(latency_ms=1000, faults=FAULTS, rng_seed=RNG_SEED)

    with stack.worker_paused():
        with ThreadPoolExecutor(4) as pool:
            jobs = list(pool.map(lambda number: _order(api, number), range(JOBS)))
        crew = [hire() for _ in range(WORKERS)]
        kill = eventually(lambda: _killed_in_mid_call(api, emulator, jobs, crew, hire), seconds=120)
        eventually(lambda: _messages(stack, "queue_url") == 0, seconds=1200)
    ended = [api.get(job.where).json() for job in jobs]

    calls = emulator.calls()
    billed, delivered = _billed(calls), {job.number: _stored(told) for job, told in zip(jobs, ended, strict=True)}
    _write_table(stack, calls, proxy, kill, ended, sum(delivered.values()))
    assert Counter(told["status"] for told in ended) == {"succeeded": JOBS}
    for job in jobs:
        again = kill.in_flight if job == kill.job else 0
        assert 0 <= billed[job.number] - delivered[job.number] <= again
    assert len(stack.keys() & _possible_keys(jobs)) == sum(delivered.values())
    assert _messages(stack, "dead_letter_queue_url") == 0
    assert {call["status"] for call in calls} == {200, 429, 500}
    assert proxy.lost.total() > 0
    assert [told["possibly_rebilled"] for told in ended] == [job == kill.job for job in jobs]


def _request(number: int) -> dict[str, Any]:
    return {
        "text": "a lighthouse in a storm",
        "width": 512,
        "height": 512,
        "model": ("core", "titan")[number % 2],
        "number_of_images": number // 2 % 4 + 1,
        "seed": (number + 1) * SEEDS_PER_JOB,
    }


def _order(api: httpx.Client, number: int) -> Ordered:
    answer = api.post("/generate", json=_request(number), headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return Ordered(number, answer.json()["id"], answer.headers["location"])


def _killed_in_mid_call(
    api: httpx.Client, emulator: Emulator, jobs: Sequence[Ordered], crew: list[Worker], hire: Hire
) -> Kill | None:
    """Kill a worker with unanswered model calls; return None if they were answered first."""
    by_id = {job.id: job for job in jobs}
    billed = _billed(emulator.calls())
    for worker in crew:
        job = by_id.get(worker.at_hand)
        if job and job.images > 1 and billed[job.number]:
            worker.kill()
            crew[crew.index(worker)] = hire()
            is_running = api.get(job.where).json()["status"] == "running"
            return Kill(job, _billed(emulator.calls())[job.number]) if is_running else None
    return None


def _billed(calls: Sequence[dict[str, Any]]) -> Counter[int]:
    """Return the billed images by the number of their job."""
    billed: Counter[int] = Counter()
    for call in calls:
        billed[call["seed"] // SEEDS_PER_JOB - 1] += call["images"]
    return billed


def _possible_keys(jobs: Sequence[Ordered]) -> set[str]:
    """Return all keys that the images of these jobs may have."""
    ids = (image_id(job.id, index) for job in jobs for index in range(job.images))
    return {f"generated_images/{each}.png" for each in ids}


def _stored(told: dict[str, Any]) -> int:
    return sum(detail["status"] == "stored" for detail in told["result"]["details"]) if told["result"] else 0


def _messages(stack: Stack, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = stack.client("sqs").get_queue_attributes(QueueUrl=stack.description[queue], AttributeNames=names)
    return sum(int(count) for count in counts["Attributes"].values())


def _write_table(
    stack: Stack,
    calls: Sequence[dict[str, Any]],
    proxy: LossyProxy,
    kill: Kill,
    ended: Sequence[dict[str, Any]],
    delivered: int,
) -> None:
    statuses, jobs = Counter(call["status"] for call in calls), Counter(told["status"] for told in ended)
    billed = sum(call["images"] for call in calls)
    rows = {
        "jobs": f"{JOBS}: {', '.join(f'{count} {status}' for status, count in sorted(jobs.items()))}",
        "attempts at jobs": sum(told["attempts"] for told in ended),
        "calls of models": len(calls),
        "throttled calls (429)": statuses[429],
        "failed calls (500)": statuses[500],
        "answers lost": ", ".join(f"{count} of {action}" for action, count in sorted((+proxy.lost).items())),
        "workers killed in mid-call": 1,
        "images asked for": sum(_request(number)["number_of_images"] for number in range(JOBS)),
        "images billed": billed,
        "images delivered": delivered,
        "images billed again": f"{billed - delivered}, of {kill.in_flight} in flight when the worker died",
    }
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    (stack.folder.parent / "faults.md").write_text("\n".join(lines) + "\n")
