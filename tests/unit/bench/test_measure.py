"""How subject and baseline are interleaved and compared."""

import pytest

from bench.measure import Result, Spread, compared, interleaved, percentile


def test_subject_and_baseline_take_turns_in_being_first() -> None:
    order: list[str] = []

    def measured(name: str, value: float) -> float:
        order.append(name)
        return value

    pairs = interleaved(lambda: measured("subject", 2), lambda: measured("baseline", 1), 3)
    assert order == ["subject", "baseline", "baseline", "subject", "subject", "baseline"]
    assert pairs == [(2, 1)] * 3


def test_the_ratio_is_of_each_pair_and_the_values_are_medians() -> None:
    result = compared("row", [(2, 1), (9, 3), (8, 8)], "bytes", memory=1024)
    assert result == Result("row", 8, 3, Spread(2, 1, 3), 3, "bytes", {"memory": 1024})


def test_the_document_has_the_fields_that_other_programs_read() -> None:
    document = compared("row", [(2, 1)]).document()
    assert {name: document[name] for name in ("name", "subject", "baseline", "ratio", "runs")} == {
        "name": "row",
        "subject": 2,
        "baseline": 1,
        "ratio": {"median": 2, "min": 2, "max": 2},
        "runs": 1,
    }


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([5.0], 99, 5.0), ([1.0, 2.0, 3.0], 50, 2.0), ([float(n) for n in range(101)], 95, 95.0), ([1.0, 2.0], 99, 1.99)],
)
def test_percentiles_stay_within_what_was_measured(values: list[float], percent: int, expected: float) -> None:
    assert percentile(values, percent) == pytest.approx(expected)
