"""python -m bench [--rows NAME,…] [--runs N]: measure on a laptop stack, print a table, write .local/bench.json."""

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from bench import report
from bench.laptop import Laptop, laptop
from bench.measure import Result
from bench.places import NoContainer
from bench.rows import ROWS
from local.errors import StackError
from local.places import DEFAULT_STATE

OUTPUT = DEFAULT_STATE / "bench.json"


def main() -> None:
    options = _options()
    # Whoever ends the command ends its stack too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed: list[str] = []
    try:
        with laptop(options.state) as stack:
            results = [result.document() for result in measured(stack, options.rows, options.runs, failed)]
    except StackError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    say("\n" + "\n".join(report.sections(results).values()) + f"\nThe figures are in {options.output}.")
    if failed:
        sys.exit(f"These rows could not be measured: {', '.join(failed)}.")


def measured(stack: Laptop, names: list[str], runs: int | None, failed: list[str]) -> Iterator[Result]:
    """A row that cannot be measured does not cost the others' figures."""
    for name in names:
        row = ROWS[name]
        try:
            results = row.measure(stack, runs or row.runs)
        except NoContainer as reason:
            say(f"{name} was skipped: {reason}")
            continue
        except Exception:  # noqa: BLE001 - any bug of one row, shown with its trace
            say(f"{name} failed:\n{traceback.format_exc()}")
            failed.append(name)
            continue
        for result in results:
            say(f"| {' | '.join(report.compared(result.document()))} |")
        yield from results


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
