"""python -m bench [--rows NAME,…] [--runs N]: measure on a laptop stack, print a table, write .local/bench.json."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import report
from bench.laptop import Laptop, laptop
from bench.measure import Result
from bench.rows import ROWS
from local.errors import StackError
from local.places import DEFAULT_STATE

OUTPUT = DEFAULT_STATE / "bench.json"


def main() -> None:
    options = _options()
    try:
        with laptop(options.state) as stack:
            results = [result.document() for result in measured(stack, options.rows, options.runs)]
    except StackError as error:
        sys.exit(f"\n{error}")
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    say(f"\n{report.table(results)}\nThe figures are in {options.output}.")


def measured(stack: Laptop, names: list[str], runs: int | None) -> Iterator[Result]:
    for name in names:
        row = ROWS[name]
        for result in row.measure(stack, runs or row.runs):
            say(report.table([result.document()]).splitlines()[-1])
            yield result


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the command's output


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=_names, default=list(ROWS), help=f"of {', '.join(ROWS)}")
    parser.add_argument("--runs", type=int, help="instead of each row's own number")
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE / "bench", help="the folder of the stack")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the figures are written")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return names


if __name__ == "__main__":
    main()
