"""The simulation finds each past defect of the money path within a number of runs."""

import re

import pytest

from tests.simulation.defects import DEFECTS, Defect
from tests.simulation.simulation import Run, run


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_a_defect_is_found(defect: Defect) -> None:
    found = _first_problem(defect)
    assert found is not None, f"not found within {defect.seeds} runs"
    assert re.search(defect.seen_as, str(found.problem)), found.report()


def _first_problem(defect: Defect) -> Run | None:
    with defect.installed():
        runs = (run(seed, **defect.parameters) for seed in range(defect.seeds))
        return next((found for found in runs if found.problem is not None), None)
