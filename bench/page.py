"""Writes the figures of the last `make bench` into docs/performance.md, between the markers of their sections."""

import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from local.places import DEFAULT_STATE, PROJECT

PAGE = PROJECT / "docs" / "performance.md"
FIGURES = DEFAULT_STATE / "bench.json"
BLOCK = re.compile(r"(<!-- measured: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    if not FIGURES.exists():
        sys.exit(f"There are no figures in {FIGURES}. Run `make bench` first.")
    PAGE.write_text(
        filled(PAGE.read_text(), {**report.sections(json.loads(FIGURES.read_text())), "machine": machine()})
    )


def filled(page: str, tables: dict[str, str]) -> str:
    """The page with these tables; a section that was not measured keeps its own."""

    def block(found: re.Match[str]) -> str:
        text = tables.get(found["name"])
        return found.group() if text is None else f"{found.group(1)}{text}{found.group(3)}"

    return BLOCK.sub(block, page)


def machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the developer's own git
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    made = f"Measured on {datetime.now(UTC).date()} at commit {commit or 'unknown'}"
    return f"{made}: {_processor()}, {os.cpu_count()} processors, {_system()}.\n"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", information.read_text()) if information.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _system() -> str:
    return f"{platform.system()} {platform.release()}"


if __name__ == "__main__":
    main()
