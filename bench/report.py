"""The results as Markdown tables, for a terminal and for docs/performance.md."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.goals import GOALS

MEGABYTE = 1_000_000

Document = dict[str, Any]
Cells = Sequence[str]


def markdown(head: Cells, rows: Iterable[Cells]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [head, ["---"] * len(head), *rows])


def goals(documents: Sequence[Document]) -> str:
    head = ("row", "subject", "baseline", "ratio (min to max)", "limit", "target", "met")
    rows = ([*compared(each), *_goal(each)] for each in documents if each["name"] in GOALS)
    return markdown(head, rows)


def compared(document: Document) -> list[str]:
    values = (amount(document[side], document["unit"]) for side in ("subject", "baseline"))
    return [f"`{document['name']}`", *values, _spread(document["ratio"])]


def _goal(document: Document) -> list[str]:
    goal = GOALS[document["name"]]
    return [f"{goal.limit:g}", f"{goal.target:g}", met(document)]


def met(document: Document) -> str:
    goal, ratio = GOALS[document["name"]], document["ratio"]["median"]
    if ratio <= goal.target:
        return "target"
    return "limit" if ratio <= goal.limit else "neither"


def further(documents: Sequence[Document], *prefixes: str) -> str:
    head = ("row", "subject", "baseline", "ratio (min to max)")
    chosen = [each for each in documents if each["name"] not in GOALS and each["name"].startswith(prefixes)]
    return markdown(head, map(compared, chosen))


def processor(documents: Sequence[Document]) -> str:
    return further(_of_memory_sizes(documents, wanted=False), "processor-", "cold-")


def memory_sizes(documents: Sequence[Document]) -> str:
    return further(_of_memory_sizes(documents, wanted=True), "cold-", "warm-")


def _of_memory_sizes(documents: Sequence[Document], *, wanted: bool) -> Sequence[Document]:
    return [each for each in documents if each["name"].endswith("-mb") is wanted]


def load(documents: Sequence[Document]) -> str:
    head = ("row", "p50", "p95", "p99", "requests", "errors")
    rows = (
        [f"`{each['name']}`", *(amount(each["details"][p], "s") for p in ("p50", "p95", "p99")), *_counted(each)]
        for each in documents
        if each["name"].startswith("http-")
    )
    return markdown(head, rows) + "\n" + further(documents, "jobs-per-minute-")


def _counted(document: Document) -> list[str]:
    return [str(document["runs"]), str(document["details"]["errors"])]


def queues(documents: Sequence[Document]) -> str:
    rows = (
        [f"`{each['name']}`", length, ", ".join(f"{name} {n}" for name, n in grown["calls"].items()), _record(grown)]
        for each in documents
        for length, grown in each["details"].get("queues", {}).items()
    )
    return markdown(("row", "jobs in the queue", "calls for a job", "largest record"), rows)


def _record(grown: Document) -> str:
    return f"{grown['largest_record']} bytes"


def packages(documents: Sequence[Document]) -> str:
    rows = (
        [f"`{each['name']}`", amount(each["subject"], "bytes"), amount(each["baseline"], "bytes"), _largest(each)]
        for each in documents
        if each["name"].startswith("package-")
    )
    return markdown(("row", "zipped", "unpacked", "largest entries"), rows)


def _largest(document: Document) -> str:
    return ", ".join(f"{name} {amount(size, 'bytes')}" for name, size in document["details"]["largest"].items())


def costs(documents: Sequence[Document]) -> str:
    head = ("row", "1,000 images", "a container's month", "images a month at which both cost the same")
    rows = (
        [f"`{each['name']}`", f"{each['subject']:.2f} $", f"{each['baseline']:.2f} $", _break_even(each)]
        for each in documents
        if each["name"].startswith("cost-")
    )
    return markdown(head, rows)


def _break_even(document: Document) -> str:
    return f"{document['baseline'] / document['subject'] * 1000:,.0f}"


SECTIONS: dict[str, Callable[[Sequence[Document]], str]] = {
    "goals": goals,
    "processor": processor,
    "memory-sizes": memory_sizes,
    "load": load,
    "queues": queues,
    "packages": packages,
    "costs": costs,
}


def sections(documents: Sequence[Document]) -> dict[str, str]:
    """The tables that have rows, by name."""
    tables = {name: render(documents) for name, render in SECTIONS.items()}
    return {name: text for name, text in tables.items() if "| `" in text}


def amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "s":
        return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.3f} s"
    if unit == "bytes":
        return f"{value / MEGABYTE:.1f} MB" if value >= MEGABYTE else f"{value / 1000:.1f} kB"
    return f"{value:.4g} {unit}"


def _spread(ratio: Document | None) -> str:
    return f"{ratio['median']:.3f} ({ratio['min']:.3f} to {ratio['max']:.3f})" if ratio else ""
