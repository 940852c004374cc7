"""Connects a container to services on this machine's loopback: `sam local` ignores `--docker-network host`."""

import asyncio
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from local import net

HTTP = 80
# On other systems Docker runs in a virtual machine, and an internal network would not reach this machine.
_CLOSED = ["--internal"] if sys.platform == "linux" else []


@dataclass(frozen=True)
class Bridge:
    """An internal Docker network; its containers alone reach the listeners at its gateway."""

    network: str
    gateway: str
    loop: asyncio.AbstractEventLoop
    servers: list[asyncio.Server] = field(default_factory=list)

    def address(self, url: str) -> str:
        """Return the address under which a container reaches a service on this machine."""
        service = urlsplit(url)
        port = service.port or HTTP
        if sys.platform == "linux":
            opening = self._listen(service.hostname or net.HOST, port)
            port = asyncio.run_coroutine_threadsafe(opening, self.loop).result(timeout=10)
        return f"{service.scheme}://{self.gateway}:{port}"

    async def _listen(self, host: str, port: int) -> int:
        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection(host, port)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))

        server = await asyncio.start_server(connect, self.gateway)
        self.servers.append(server)
        number: int = server.sockets[0].getsockname()[1]
        return number

    async def close(self) -> None:
        for server in self.servers:
            server.close()


@contextmanager
def bridge() -> Iterator[Bridge]:
    with _network() as network, _loop() as loop:
        bridge = Bridge(network, _gateway(network), loop)
        yield bridge
        asyncio.run_coroutine_threadsafe(bridge.close(), loop).result(timeout=10)


def docker(*words: str) -> str:
    ended = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)  # noqa: S603, S607 - ours
    return ended.stdout.strip()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextmanager
def _network() -> Iterator[str]:
    name = f"laptop-stack-{uuid.uuid4()}"
    docker("network", "create", *_CLOSED, name)
    try:
        yield name
    finally:
        docker("network", "rm", name)


def _gateway(network: str) -> str:
    if sys.platform != "linux":
        return "host.docker.internal"
    return docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network)


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
