"""`make simulate SEEDS=100000` runs that many seeds on every core, until one finds a problem.

SEED=… runs one seed alone, and prints its history.
"""

import argparse
import os
import sys
import time
from multiprocessing import Pool

from tests.simulation.simulation import Run, run

REPORT_EVERY_SECONDS = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description="Runs the deterministic simulation.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="show this run alone")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _show(run(asked.seed))
    return _run_all(range(asked.first, asked.first + asked.seeds))


def _show(found: Run) -> int:
    sys.stdout.write(f"{found.report()}\n")
    return found.problem is not None


def _run_all(seeds: range) -> int:
    started = told = time.monotonic()
    steps = done = 0
    with Pool(os.cpu_count()) as pool:
        for found in pool.imap_unordered(_without_clean_history, seeds, chunksize=8):
            steps, done = steps + found.steps, done + 1
            if found.problem is not None:
                pool.terminate()
                return _show(found)
            if time.monotonic() - told > REPORT_EVERY_SECONDS:
                told = time.monotonic()
                _tell(done, steps, told - started)
    _tell(done, steps, time.monotonic() - started)
    return 0


def _without_clean_history(seed: int) -> Run:
    """Drop the history of a clean run, which would cost time to send to the parent process."""
    found = run(seed)
    return found if found.problem is not None else found.without_history()


def _tell(seeds: int, steps: int, seconds: float) -> None:
    sys.stdout.write(f"{seeds} seeds, {steps} steps, {seconds:.0f} s: clean\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
