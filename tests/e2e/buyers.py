"""Many concurrent callers run the use case in threads, under caps of their own.

Reads what they ask for as JSON and prints what came of each: {"cap", "key_cap", "at", "seconds", "orders": [{"caller",
"key", "images"}]}; without orders the sweeper sweeps. `at` is the epoch second in which they believe to live, so that
nobody else's month is theirs; `seconds` is how long each may take.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import bootstrap
from api.preferences import MAX_WAIT_SECONDS
from imaging.deadline import Deadline
from imaging.errors import ImagingError
from imaging.generations import Generations
from imaging.money import usd
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission


@dataclass(frozen=True)
class Market:
    generations: Generations
    seconds: float

    def serve(self, order: dict[str, Any]) -> str:
        """Return "made", or the error's code."""
        request = GenerationRequest(
            text="a market", model="core", width=512, height=512, number_of_images=order["images"], seed=None
        )
        try:
            submission = Submission.keyed(request, order["caller"], order["key"])
            self.generations.run(submission, Deadline.after(self.seconds), MAX_WAIT_SECONDS)
        except ImagingError as error:
            return error.code
        return "made"


def main() -> None:
    asked = json.load(sys.stdin)
    later = asked["at"] - time.time()

    def now() -> float:
        return time.time() + later

    caps = {"monthly_budget_usd": usd(asked["cap"] or 0), "monthly_budget_per_key_usd": usd(asked["key_cap"] or 0)}
    real = bootstrap.services()
    services = replace(real, settings=real.settings.model_copy(update=caps), now=now)
    market = Market(services.generations, asked["seconds"])
    with ThreadPoolExecutor(len(asked["orders"]) or 1) as pool:
        outcomes = list(pool.map(market.serve, asked["orders"]))
    if not asked["orders"]:
        services.jobs.sweep(Deadline.after(asked["seconds"]))
    print(json.dumps(outcomes))  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main()
