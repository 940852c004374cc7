"""How many cases `make fuzz` tried, for the table in docs/security.md."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

PATH = Path(__file__).with_name("figures.json")
EXAMPLES = re.compile(r"(\d+) passing")

cases: Counter[str] = Counter()
failures: Counter[str] = Counter()


def count(what: str, number: int = 1) -> None:
    cases[what] += number


def count_examples(what: str, statistics: str) -> None:
    """Hypothesis' own count of a test's examples."""
    count(what, sum(map(int, EXAMPLES.findall(statistics))))


def write() -> None:
    """What was not tried in this run keeps its figures."""
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    found = {what: {"cases": number, "failures": failures[what], "date": date} for what, number in cases.items()}
    before = json.loads(PATH.read_text())
    PATH.write_text(json.dumps(dict(sorted((before | found).items())), indent=2) + "\n")
