"""The tables, and their place in docs/performance.md."""

import re
from typing import Any

import pytest

from bench import costs, page, report
from bench.goals import GOALS
from bench.measure import Result, compared
from bench.rows import ROWS


def document(name: str, ratio: float) -> dict[str, Any]:
    return compared(name, [(ratio, 1.0)]).document()


@pytest.mark.parametrize(("ratio", "expected"), [(1.4, "target"), (1.5, "limit"), (2.0, "limit"), (2.1, "neither")])
def test_each_goal_says_what_is_met(ratio: float, expected: str) -> None:
    assert report.met(document("warm-n1-0s", ratio)) == expected


def test_a_goal_shows_its_figures_limit_and_target() -> None:
    assert report.goals([document("warm-n1-0s", 1.5)]).splitlines()[-1] == (
        "| `warm-n1-0s` | 1.500 s | 1.000 s | 1.500 (1.500 to 1.500) | 2 | 1.4 | limit |"
    )


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(0.0123, "s", "12.3 ms"), (3.0, "s", "3.000 s"), (2_500_000, "bytes", "2.5 MB"), (900, "bytes", "0.9 kB")],
)
def test_amounts_are_shown_with_their_unit(value: float, unit: str, shown: str) -> None:
    assert report.amount(value, unit) == shown


def test_only_measured_sections_are_replaced() -> None:
    text = "a\n<!-- measured: goals -->\nold\n<!-- end -->\n<!-- measured: load -->\nkept\n<!-- end -->\nz\n"
    written = page.filled(text, report.sections([document("warm-n1-0s", 1.5)]))
    assert "old" not in written
    assert "`warm-n1-0s`" in written
    assert "<!-- measured: load -->\nkept\n<!-- end -->\nz\n" in written


def test_rows_of_memory_sizes_have_a_section_of_their_own() -> None:
    tables = report.sections([document("cold-first-answer", 2), document("cold-first-answer-512-mb", 3)])
    assert {name: text.count("| `") for name, text in tables.items()} == {"processor": 1, "memory-sizes": 1}


def test_every_promised_row_is_measured() -> None:
    assert set(GOALS) <= set(ROWS)


def test_every_section_has_its_place_in_the_page() -> None:
    places = re.findall(r"<!-- measured: ([\w-]+) -->", page.PAGE.read_text())
    assert sorted(places) == sorted([*report.SECTIONS, "machine"])


def test_a_larger_function_costs_more_while_it_waits_and_less_than_a_container() -> None:
    sizes = [Result(f"warm-fit-{memory}-mb", 0.1, 0.1, None, 1, details={"memory": memory}) for memory in (512, 3008)]
    small, large = costs.of_memory_sizes([Result("warm-n1-512-mb", 9, 9, None, 1, details={"memory": 512}), *sizes])
    assert (small.name, large.name) == ("cost-1000-images-512-mb", "cost-1000-images-3008-mb")
    assert 0 < small.subject < large.subject < costs.container_month()
