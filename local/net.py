"""Loopback addresses: free ports, and waiting for a service to answer."""

import socket
import time
import zlib

import httpx

from local.errors import with_tail
from local.processes import Process

HOST = "127.0.0.1"
# Below the ephemeral ports of outgoing connections.
PORTS = range(20000, 32000)
SERVICES = ("front", "studio", "ministack", "bedrock")


def port_of(process: Process) -> int:
    """Return a port derived from the stack's folder, so that it stays the same; the next free one if it is taken."""
    folder = zlib.crc32(bytes(process.places.root)) % (len(PORTS) // len(SERVICES))
    first = PORTS.start + folder * len(SERVICES) + SERVICES.index(process.name)
    return next((port for port in range(first, PORTS.stop, len(SERVICES)) if _is_free(port)), free_port())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A closed connection lingers (TIME_WAIT) without blocking the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _binds(probe, port)


def _binds(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind((HOST, port))
    except OSError:
        return False
    return True


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
        # Proxies do not reach this machine's loopback.
        return httpx.get(address, trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False
