"""The API as a Python object, blocking or asynchronous.

Each generation is a job, so a slow model never causes a gateway time-out, and has one idempotency key, so a retry is
not charged again.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypedDict, TypeVar
from urllib.parse import urlsplit

import httpx

from text_to_image import connection, images, jobs, results
from text_to_image.configuration import configuration
from text_to_image.connection import Connection
from text_to_image.errors import ImagesError
from text_to_image.following import MAX_WAIT_SECONDS, Following, OnProgress, Stored
from text_to_image.results import Generation, Image, Job, Model, Page, Usage
from text_to_image.transfer import FAIL_FAST_TIMEOUT, HEADERS, TIMEOUT, AsyncTransfer, BlockingTransfer, run

Quality = Literal["standard", "premium"]
Format = Literal["png", "jpeg", "webp"]

P = ParamSpec("P")
R = TypeVar("R")


class Calls:
    """What both clients can do. All errors are an `ImagesError`."""

    def __init__(self, api: Connection, on_progress: OnProgress | None = None) -> None:
        self._api = api
        self._on_progress = on_progress

    async def generate(  # noqa: PLR0913, PLR0917 - the documented parameters, in the documented order
        self,
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
        output_format: Format = "png",
        more: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        job_id: str | None = None,
        max_wait: float = MAX_WAIT_SECONDS,
        stored: Stored | None = None,
    ) -> Generation[Image]:
        """Generate images for this prompt.

        `seed=None` means a random seed. `more` are fields of the request that this client does not know. A retry with
        the same `idempotency_key` is not charged again; errors have the key. With a `job_id` it waits for that job and
        sends nothing. `stored` finds files that need no download.
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
            "output_format": output_format,
            **(more or {}),
        }
        key = idempotency_key or str(uuid.uuid4())
        followed = self.follow(self._on_progress, stored=stored)
        try:
            job = await (followed.job(job_id, output_format) if job_id else followed.submit(request, key))
            return await followed.finished(job, max_wait)
        except ImagesError as error:
            error.idempotency_key = None if job_id else key
            raise

    async def submit(self, request: Mapping[str, Any], idempotency_key: str | None = None) -> Job:
        """Create a job, or return the one of this idempotency key. `request` is the body of POST /generate."""
        job, _ = await jobs.submit(self._api, request, idempotency_key or str(uuid.uuid4()))
        return job

    async def job(self, job_id: str, output_format: Format = "png") -> Job:
        job, _ = await jobs.get(self._api, job_id, output_format)
        return job

    async def cancel(self, job_id: str) -> Job:
        """Cancel a queued job. Raises NotCancellable if it runs already."""
        return await jobs.cancel(self._api, job_id)

    async def finished(self, job: Job, max_wait: float = MAX_WAIT_SECONDS) -> Generation[Image]:
        """Wait until the job is over, and download its images."""
        return await self.follow(self._on_progress).finished(job, max_wait)

    async def models(self, width: int = 1024, height: int = 1024, quality: Quality = "standard") -> list[Model]:
        """Return the models, with prices for one image of this size and quality."""
        query: dict[str, str | int] = {"width": width, "height": height, "quality": quality}
        answer = await self._api.request("GET", "/models", params=query)
        return [results.model(facts) for facts in connection.known(answer)["models"]]

    async def usage(self) -> Usage:
        """Return this month's spend."""
        return results.usage(connection.known(await self._api.request("GET", "/usage")))

    async def images(self, limit: int = 24, cursor: str | None = None) -> Page:
        """Return the key's images, newest first. Raises NotFound if the API has no gallery yet."""
        query: dict[str, str | int] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        return results.page(connection.known(await self._api.request("GET", "/images", params=query)))

    async def link(self, image_id: str) -> str:
        """Return a presigned link to the PNG. Raises NotFound if the image is deleted or expired."""
        return await images.link(self._api, image_id)

    async def png(self, image_id: str) -> bytes:
        """Return the PNG. Raises NotFound if the image is deleted or expired."""
        return await images.file(self._api, image_id)

    async def rendition(self, image_id: str, width: int | None = None, output_format: Format = "webp") -> bytes:
        """Return a file at most so wide. Raises NotFound if the image is deleted, or the API has no renditions yet."""
        return await images.file(self._api, image_id, output_format, width)

    async def delete(self, image_id: str) -> None:
        """Delete the image for good. Raises NotFound if it is deleted or expired."""
        await self._api.request("DELETE", f"/images/{images.checked(image_id, 'image')}.png")

    def follow(
        self,
        on_progress: OnProgress | None = None,
        made: dict[int, Image] | None = None,
        stored: Stored | None = None,
    ) -> Following:
        """For a program that polls by itself."""
        return Following(self._api, on_progress, made, stored)

    async def close(self) -> None:
        await self._api.transfer.close()


class AsyncClient(Calls):
    """The asynchronous client: `async with AsyncClient() as client`. One may make many generations at once."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        fail_fast: bool = False,
    ) -> None:
        """`fail_fast` means no retries and a short time-out."""
        where = configuration(base_url, api_key)
        http = httpx.AsyncClient(**_options(where.base_url, fail_fast=fail_fast), transport=transport)
        super().__init__(Connection(where, AsyncTransfer(http), fail_fast), on_progress)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _blocking(method: Callable[Concatenate[Calls, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Client, P], R]:
    @functools.wraps(method)
    def call(self: Client, /, *arguments: P.args, **options: P.kwargs) -> R:
        return run(method(self._calls, *arguments, **options))

    return call


class Client:
    """The blocking client: `with Client() as client`. It needs no event loop, and several threads may share it."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        transport: httpx.BaseTransport | None = None,
        fail_fast: bool = False,
    ) -> None:
        """`fail_fast` means no retries and a short time-out."""
        where = configuration(base_url, api_key)
        http = httpx.Client(**_options(where.base_url, fail_fast=fail_fast), transport=transport)
        self._calls = Calls(Connection(where, BlockingTransfer(http), fail_fast), on_progress)

    generate = _blocking(Calls.generate)
    submit = _blocking(Calls.submit)
    job = _blocking(Calls.job)
    cancel = _blocking(Calls.cancel)
    finished = _blocking(Calls.finished)
    models = _blocking(Calls.models)
    usage = _blocking(Calls.usage)
    images = _blocking(Calls.images)
    link = _blocking(Calls.link)
    png = _blocking(Calls.png)
    rendition = _blocking(Calls.rendition)
    delete = _blocking(Calls.delete)
    close = _blocking(Calls.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def generate_images_async(  # noqa: PLR0913, PLR0917 - as `generate`
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
    output_format: Format = "png",
    more: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    job_id: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    on_progress: OnProgress | None = None,
    max_wait: float = MAX_WAIT_SECONDS,
) -> Generation[Image]:
    """Generate images with a client of their own; the parameters are those of `generate`."""
    async with AsyncClient(base_url, api_key, on_progress=on_progress) as client:
        return await client.generate(
            prompt,
            width,
            height,
            number_of_images,
            cfg_scale,
            seed,
            quality,
            negative_text=negative_text,
            model=model,
            output_format=output_format,
            more=more,
            idempotency_key=idempotency_key,
            job_id=job_id,
            max_wait=max_wait,
        )


def _as(
    function: Callable[P, Coroutine[Any, Any, R]],
) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a blocking function the parameters and the docstring of an asynchronous one."""

    def described(blocking: Callable[..., R]) -> Callable[P, R]:
        name = blocking.__name__
        functools.update_wrapper(blocking, function)
        blocking.__name__ = blocking.__qualname__ = name
        return blocking

    return described


@_as(generate_images_async)
def generate_images(
    prompt: str,
    *arguments: Any,  # noqa: ANN401 - see the asynchronous one
    base_url: str | None = None,
    api_key: str | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,  # noqa: ANN401 - see the asynchronous one
) -> Generation[Image]:
    with Client(base_url, api_key, on_progress=on_progress) as client:
        return client.generate(prompt, *arguments, **options)


class _Options(TypedDict):
    timeout: httpx.Timeout
    headers: Mapping[str, str]
    trust_env: bool


def _options(base_url: str, *, fail_fast: bool) -> _Options:
    """Ignore proxies for this machine's loopback, which they do not reach."""
    is_loopback = urlsplit(base_url).hostname in {"127.0.0.1", "localhost", "::1"}
    return {"timeout": FAIL_FAST_TIMEOUT if fail_fast else TIMEOUT, "headers": HEADERS, "trust_env": not is_loopback}
