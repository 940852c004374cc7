"""Runs the studio beside the stack; it reads the API's address and key from the stack's file."""

import os

from local import net
from local.errors import StackError
from local.places import PROJECT, VENVS, Places
from local.processes import Process

PYTHON = VENVS / "studio" / "bin" / "python"
PAGE = PROJECT / "studio" / "app.py"


def process(places: Places) -> Process:
    return Process("studio", places)


def start(places: Places) -> str:
    """Start the studio without waiting for it, and return its address."""
    if not PYTHON.exists():
        raise StackError("The studio is not installed; start the stack with `make up`, which does that first.")
    port = net.port_of(process(places))
    command = [str(PYTHON), "-m", "local.guarded_studio", "run", str(PAGE), "--server.port", str(port)]
    process(places).start(command, _environment(places))
    return net.url(port)


def wait(places: Places, address: str) -> None:
    net.wait_until_answers(f"{address}/_stcore/health", process(places))


def _environment(places: Places) -> dict[str, str]:
    """Return its environment; it reads the key at each visit, so it may start before there is one."""
    ours = {"API_URL", "API_KEY", "API_KEY_SECRET_ARN", "STUDIO_PREVIEW"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return inherited | {"ENV_FILE": str(places.shell_variables)}
