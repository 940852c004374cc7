"""Loopback addresses: free ports, and waiting for a service to answer."""

import socket
import time

import httpx

from local.errors import with_tail
from local.processes import Process

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


def wait_until_answers(address: str, process: Process, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not _answers(address):
        if process.id() is None:
            raise with_tail(f"{process.name} ended instead of answering at {address}.", process.log)
        if time.monotonic() > deadline:
            raise with_tail(f"{process.name} did not answer at {address} within {seconds:.0f} s.", process.log)
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        # The developer's proxy, if any, knows nothing of this machine's loopback.
        return httpx.get(address, trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False
