"""The emulator inside a test's own process."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue

from local.emulator.app import Settings, serving
from local.emulator.models import Model

Started = SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, str] | Exception]


@contextmanager
def running_emulator(
    iam_url: str | None = None,
    profiles: Mapping[str, str] | None = None,
    more_models: Mapping[str, Model] | None = None,
) -> Iterator[str]:
    """Run an emulator of its own on a free loopback port, and yield its base URL."""
    started: Started = SimpleQueue()
    settings = Settings(iam_url, profiles or {}, more_models or {})
    thread = threading.Thread(target=asyncio.run, args=(_serve(settings, started),), name="bedrock-emulator")
    thread.start()
    outcome = started.get()
    if isinstance(outcome, Exception):
        thread.join()
        raise outcome
    loop, stopped, url = outcome
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()


async def _serve(settings: Settings, started: Started) -> None:
    stopped = asyncio.Event()
    try:
        async with serving(settings, "127.0.0.1", 0) as url:
            started.put((asyncio.get_running_loop(), stopped, url))
            await stopped.wait()
    except OSError as error:
        started.put(error)
