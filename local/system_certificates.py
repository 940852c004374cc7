"""Makes this environment's pip trust the system's certificates, as pip 24.2 and newer do.

Run it by path with the environment's interpreter, before anything is installed there.
"""

import ssl
import subprocess
import sys
from pathlib import Path

import pip

TRUSTS_THE_SYSTEM = (24, 2)


def main() -> None:
    store = _store()
    if store and _version() < TRUSTS_THE_SYSTEM and not _is_configured():
        Path(sys.prefix, "pip.conf").write_text(f"[global]\ncert = {store}\n")


def _store() -> str | None:
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in pip.__version__.split(".")[:2])


def _is_configured() -> bool:
    ask = [sys.executable, "-m", "pip", "config", "get", "global.cert"]
    return subprocess.run(ask, check=False, capture_output=True).returncode == 0  # noqa: S603 - our own command


if __name__ == "__main__":
    main()
