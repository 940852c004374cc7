"""Some hundreds of simulated runs: the real doors and use cases under faults."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.simulation import run

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "400"))
SEEDS_PER_TEST = 25

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_every_invariant_holds(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        found = run(seed)
        assert found.problem is None, found.report()


def test_the_same_seed_gives_the_same_run_in_another_process() -> None:
    script = "from tests.simulation.simulation import run; print(*[run(seed).fingerprint for seed in range(6)])"
    answers = {
        subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-c", script],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": f"{PROJECT / 'functions'}:{PROJECT}", "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert answers == {" ".join(run(seed).fingerprint for seed in range(6)) + "\n"}


def test_other_seeds_give_other_runs() -> None:
    assert len({run(seed).fingerprint for seed in range(6)}) == 6


def test_the_runs_reach_every_situation() -> None:
    seen = sum((run(seed).seen for seed in range(60)), Counter[str]())
    wanted = [
        *(f"table {fate}" for fate in ("answered", "refused", "lost", "slow", "died before", "died after")),
        *(f"bucket {fate}" for fate in ("refused", "lost", "died after")),
        *("queue refused", "queue lost", "model answered", "replayed", "attempt lost", "image overwritten"),
        *(
            "POST 200",
            "POST 202",
            "POST 402 budget_exhausted",
            "POST 429 too_many_jobs",
            "POST 409 in_progress",
            "POST 422 key_reused",
        ),
        *("POST 400 content_blocked", "POST 400 content_policy_violation", "POST 503 dependency_unavailable"),
        *("POST 502", "POST 504", "POST 0", "GET 200", "DELETE 200", "DELETE 204"),
    ]
    assert [what for what in wanted if not seen[what]] == []
