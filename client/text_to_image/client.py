"""A Python client of the API: generate images, wait for them, get the PNGs.

    from studio.client import generate_images

    generation = generate_images("A beautiful sunset over the ocean", number_of_images=4)
    generation.save()

Each call makes a job, so a slow model never causes a gateway time-out, and has one idempotency key, so a retry is not
charged again.
"""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, ParamSpec, Self, TypeVar

import httpx

from studio import connection, errors, results
from studio.configuration import Configuration, configuration
from studio.connection import Connection
from studio.results import Generation, Image, Job, Model, Page, Usage, Waiting

Quality = Literal["standard", "premium"]

MAX_WAIT_SECONDS = 900.0
POLL_SECONDS = 2.0
FORBIDDEN, NOT_FOUND = 403, 404


@dataclass(frozen=True)
class Progress:
    """`state` is sending, queued, running, downloading, or waiting (before a retry).

    `seconds` counts from the job's acceptance, before that from the first request. `made` holds the existing images by
    index. `waiting` says why a queued job does not run yet, `attempts` how often it ran.
    """

    state: str
    job_id: str | None
    seconds: float
    made: Mapping[int, Image] = field(default_factory=dict)
    attempts: int = 0
    waiting: Waiting | None = None


OnProgress = Callable[[Progress], None]
P = ParamSpec("P")
R = TypeVar("R")


class Client(AbstractAsyncContextManager["Client"]):
    """One connection to the API. All its errors are an `ImagesError`."""

    def __init__(  # noqa: PLR0913 - each has a default
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        fail_fast: bool = False,
        made: dict[int, Image] | None = None,
    ) -> None:
        """`fail_fast` means no retries and a short time-out. `made` are images that are downloaded already."""
        where = configuration(base_url, api_key)
        self._api = Connection(where, lambda: self._report("waiting"), transport=transport, fail_fast=fail_fast)
        self._on_progress = on_progress or _nothing
        self._started = time.monotonic()
        self._job: Job | None = None
        self._made = {} if made is None else made

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.close()

    async def models(self, width: int = 1024, height: int = 1024, quality: Quality = "standard") -> list[Model]:
        """Return the models, with prices for one image of this size and quality."""
        query: dict[str, str | int] = {"width": width, "height": height, "quality": quality}
        answer = await self._api.request("GET", "/models", params=query)
        return [results.model(facts) for facts in _object(answer)["models"]]

    async def usage(self) -> Usage:
        """Return this month's spend."""
        return results.usage(_object(await self._api.request("GET", "/usage")))

    async def images(self, limit: int = 24, cursor: str | None = None) -> Page:
        """Return the key's images, newest first. Raises NotFound if the API has no gallery yet."""
        query: dict[str, str | int] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        return results.page(_object(await self._api.request("GET", "/images", params=query)))

    async def link(self, image_id: str) -> str:
        """Return a presigned link to the PNG. Raises NotFound if the image is deleted or expired."""
        answer = await self._api.request("GET", _image(image_id))
        return str(answer.headers["location"])

    async def png(self, image_id: str) -> bytes:
        """Return the PNG. Raises NotFound if the image is deleted or expired."""
        return _content(await self._api.fetch(await self.link(image_id)))

    async def rendition(self, image_id: str, width: int) -> bytes:
        """Return a WebP at most so wide. Raises NotFound if the image is deleted, or the API has no renditions yet."""
        answer = await self._api.request("GET", _image(image_id, "webp"), params={"width": width})
        return _content(await self._api.fetch(str(answer.headers["location"])))

    async def delete(self, image_id: str) -> None:
        """Delete the image for good. Raises NotFound if it is deleted or expired."""
        await self._api.request("DELETE", _image(image_id))

    async def submit(self, request: Mapping[str, Any], idempotency_key: str) -> Job:
        """Create a job, or return the one that this idempotency key created."""
        self._report("sending")
        headers = {"Prefer": "respond-async", "Idempotency-Key": idempotency_key}
        answer = await self._api.request("POST", "/generate", headers=headers, json=_without_defaults(request))
        body = _object(answer)
        if answer.status_code == httpx.codes.ACCEPTED:
            return await self._updated(results.job(body, connection.retry_after(answer)), answer)
        replayed = answer.headers.get("idempotent-replayed") == "true"
        self._job = Job(id=body["id"], status="succeeded", result=body, replayed=replayed)
        return self._job

    async def job(self, job_id: str) -> Job:
        answer = await self._api.request("GET", f"/jobs/{_checked(job_id, 'job')}")
        return await self._updated(results.job(_object(answer)), answer)

    async def cancel(self, job_id: str) -> Job:
        return results.job(_object(await self._api.request("DELETE", f"/jobs/{_checked(job_id, 'job')}")))

    async def finished(self, job: Job, max_wait: float = MAX_WAIT_SECONDS) -> Generation[Image]:
        """Wait until the job is over, and download its images."""
        deadline = time.monotonic() + max_wait
        pause = job.retry_after or POLL_SECONDS
        while not job.is_over:
            if time.monotonic() + pause > deadline:
                raise errors.TookTooLong(f"The images were not ready after {max_wait:.0f} s.", job.id)
            await asyncio.sleep(pause)
            job = await self.job(job.id)
        return await self._generation(job)

    async def _generation(self, job: Job) -> Generation[Image]:
        if job.status == "cancelled" and not job.has_images:
            raise errors.Cancelled("The job was stopped before it made an image.")
        if job.problem is not None:
            error = errors.from_problem(job.problem, int(job.problem.get("status", 500)))
            error.job_is_over = True
            raise error
        if job.result is None:
            raise errors.ServiceFailed("The job is over, and its result is missing.")
        self._report("downloading")
        stored = [entry for entry in job.result["details"] if entry["status"] == "stored"]
        pngs = await asyncio.gather(*map(self._png, stored))
        downloads = {entry["id"]: png for entry, png in zip(stored, pngs, strict=True)}
        return results.generation(job.result, downloads, replayed=job.replayed)

    async def _png(self, entry: Mapping[str, Any]) -> bytes:
        """Download a PNG once; by its permanent link if the presigned one has expired."""
        known = {image.id: image.bytes for image in self._made.values()}
        if entry["id"] in known:
            return known[entry["id"]]
        answer = await self._api.fetch(entry["url"])
        if answer.status_code in {FORBIDDEN, NOT_FOUND}:
            return await self.png(entry["id"])
        return _content(answer)

    async def _updated(self, job: Job, answer: httpx.Response) -> Job:
        self._job = job
        if not job.is_over:
            self._started = min(self._started, time.monotonic() - _age(job, answer))
            self._report(job.status)
            await self._collect(job)
        return job

    async def _collect(self, job: Job) -> None:
        """Download the finished images of a running job."""
        for entry in job.made:
            if entry["index"] not in self._made:
                png = await self._png(entry)
                place = (entry["index"], job.requested)
                self._made[entry["index"]] = results.image(entry, place, entry.get("model", ""), png)
                self._report(job.status)

    def _report(self, state: str) -> None:
        progress = Progress(state, None, time.monotonic() - self._started, dict(self._made))
        if job := self._job:
            progress = replace(progress, job_id=job.id, attempts=job.attempts, waiting=job.waiting)
        self._on_progress(progress)


async def generate_images_async(  # noqa: PLR0913, PLR0917 - the documented parameters, in the documented order
    prompt: str,
    width: int = 1024,
    height: int = 1024,
    number_of_images: int = 1,
    cfg_scale: float = 8,
    seed: int | None = 42,
    quality: Quality = "standard",
    *,
    negative_text: str | None = None,
    model: str | None = None,
    idempotency_key: str | None = None,
    job_id: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    on_progress: OnProgress | None = None,
    max_wait: float = MAX_WAIT_SECONDS,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Generation[Image]:
    """Generate images for this prompt.

    `seed=None` means a random seed. A retry with the same `idempotency_key` is not charged again. With a `job_id` it
    waits for that job and sends nothing.
    """
    request: dict[str, Any] = {
        "text": prompt,
        "width": width,
        "height": height,
        "number_of_images": number_of_images,
        "cfg_scale": cfg_scale,
        "seed": seed,
        "quality": quality,
        "negative_text": negative_text,
        "model": model,
    }
    async with Client(base_url, api_key, on_progress=on_progress, transport=transport) as client:
        job = await (client.job(job_id) if job_id else client.submit(request, idempotency_key or str(uuid.uuid4())))
        return await client.finished(job, max_wait)


def blocking(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Return a blocking version of an asynchronous function; it works under a running event loop too."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        if not _loop_is_running():
            return asyncio.run(function(*arguments, **options))
        with ThreadPoolExecutor(1) as elsewhere:
            return elsewhere.submit(lambda: asyncio.run(function(*arguments, **options))).result()

    call.__name__ = function.__name__.removesuffix("_async")
    return call


generate_images = blocking(generate_images_async)


def _without_defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """Omit defaults: the API warns about adjustments of explicit values only."""
    defaults = {"cfg_scale": 8, "negative_text": None, "model": None}
    return {name: value for name, value in request.items() if name not in defaults or value != defaults[name]}


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _nothing(_: Progress) -> None:
    pass


def _image(image_id: str, extension: str = "png") -> str:
    return f"/images/{_checked(image_id, 'image')}.{extension}"


def _checked(name: str, what: str) -> str:
    try:
        return str(uuid.UUID(name))
    except ValueError as error:
        raise errors.NotFound(f"There is no such {what}.") from error


def _age(job: Job, answer: httpx.Response) -> float:
    """Return the job's age by the API's clock, if it sends the time: this machine's may differ."""
    if job.created_at is None:
        return 0.0
    now = connection.moment(answer.headers.get("date", ""))
    return max(0.0, (time.time() if now is None else now) - job.created_at.timestamp())


def _content(answer: httpx.Response) -> bytes:
    if not answer.is_success:
        raise errors.ServiceFailed(f"An image's link answered with status {answer.status_code}.")
    return answer.content


def _object(answer: httpx.Response) -> Mapping[str, Any]:
    body = connection.document(answer)
    if not body:
        raise errors.NotConfigured(
            "Something answers at the API's address, but not this API.", remedy="Check API_URL, its stage included."
        )
    return body


__all__ = ["Client", "Configuration", "Generation", "Progress", "generate_images", "generate_images_async"]
