"""What is deployed: the size of each function's package, zipped and unpacked, and what is in it."""

import io
import zipfile
from collections import Counter
from pathlib import Path

from bench.laptop import Laptop
from bench.measure import Result
from local.deployment import BUILD

SHOWN = 6


def sizes(laptop: Laptop, runs: int) -> list[Result]:  # noqa: ARG001 - one look is enough
    return [_package(name, BUILD / name) for name in sorted(laptop.description["functions"])]


def _package(name: str, folder: Path) -> Result:
    entries = by_entry(folder)
    unpacked = sum(entries.values())
    largest = dict(entries.most_common(SHOWN))
    return Result(f"package-{name}", zipped(folder), unpacked, None, 1, "bytes", {"largest": largest})


def by_entry(folder: Path) -> Counter[str]:
    """Bytes of each top-level entry."""
    entries: Counter[str] = Counter()
    for path in files(folder):
        entries[path.relative_to(folder).parts[0]] += path.stat().st_size
    return entries


def zipped(folder: Path) -> int:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in files(folder):
            target.write(path, path.relative_to(folder))
    return archive.tell()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
