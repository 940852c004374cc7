"""HTTP and waiting, asynchronous or blocking.

The client's code is written once, as coroutines. With a `BlockingTransfer` they wait for nothing but it, so `run` ends
them in one step, in the caller's thread, without an event loop.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import httpx

from text_to_image.version import VERSION

TIMEOUT = httpx.Timeout(35, connect=5)
FAIL_FAST_TIMEOUT = httpx.Timeout(4)
HEADERS = {"user-agent": f"text-to-image-client/{VERSION}"}

R = TypeVar("R")


class Transfer(ABC):
    @abstractmethod
    async def send(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response: ...

    @abstractmethod
    async def sleep(self, seconds: float) -> None: ...

    @abstractmethod
    async def gather(self, coroutines: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
        """Return all results, in order."""

    @abstractmethod
    async def close(self) -> None: ...


class AsyncTransfer(Transfer):
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response:
        return await self._http.request(method, url, **options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def gather(self, coroutines: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
        return await asyncio.gather(*coroutines)

    async def close(self) -> None:
        await self._http.aclose()


class BlockingTransfer(Transfer):
    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    async def send(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response:
        return self._http.request(method, url, **options)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - it is the blocking one

    async def gather(self, coroutines: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
        return [await each for each in coroutines]

    async def close(self) -> None:
        self._http.close()


def run(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine of a blocking client, whose first step is its last."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: R = ended.value
        return result
    coroutine.close()
    raise RuntimeError("A blocking client cannot wait for an event loop.")
