"""How many cases are tried, and whether they are the same each time."""

import os
from typing import Any

from hypothesis import HealthCheck, Verbosity, settings

CASES = int(os.environ.get("FUZZ_CASES", "0"))
"""How many cases a test tries in `make fuzz`; 0 in `make test`, where each test says how few are enough."""

SEED = int(os.environ.get("FUZZ_SEED", "0"))
"""The seed of `make fuzz`, which Hypothesis gets as an option of its own."""


def bounded(cases: int, **more: Any) -> settings:  # noqa: ANN401 - Hypothesis' settings
    """The same few cases each time, or in `make fuzz` many random ones."""
    return settings(
        max_examples=CASES or cases,
        derandomize=not CASES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.normal,
        **more,
    )
