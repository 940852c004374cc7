"""The results as a table, for a terminal and for a page."""

from collections.abc import Sequence
from typing import Any

from bench.goals import GOALS

HEAD = ("row", "subject", "baseline", "ratio (min to max)", "limit", "target", "met")
Document = dict[str, Any]


def table(documents: Sequence[Document]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *(line(document) for document in documents)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def line(document: Document) -> list[str]:
    goal = GOALS.get(document["name"])
    unit = document["unit"]
    return [
        f"`{document['name']}`",
        amount(document["subject"], unit),
        amount(document["baseline"], unit),
        _spread(document["ratio"]),
        f"{goal.limit:.2f}" if goal else "",
        f"{goal.target:.2f}" if goal else "",
        met(document),
    ]


def met(document: Document) -> str:
    """`target`, `limit` or `no`; empty for a row without a promise."""
    goal = GOALS.get(document["name"])
    if goal is None:
        return ""
    ratio = document["ratio"]["median"]
    return "target" if ratio <= goal.target else "limit" if ratio <= goal.limit else "no"


def amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.3f} s"
    if unit == "bytes":
        return f"{value / 1e6:.1f} MB"
    return f"{value:.4g} {unit}"


def _spread(ratio: Document | None) -> str:
    return f"{ratio['median']:.3f} ({ratio['min']:.3f} to {ratio['max']:.3f})" if ratio else ""
