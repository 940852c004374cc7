"""A client of the API for any Python program: ask for images, wait as long as it takes, have the PNGs.

    from studio.client import generate_images

    generation = generate_images("A beautiful sunset over the ocean", number_of_images=4)
    generation.save()

Images are made in a job, so a slow model never ends in a gateway time-out; each call is one intent with one
idempotency key, so sending it again costs nothing again.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

import httpx

from studio import errors, results
from studio.configuration import Configuration, configuration
from studio.results import Generation, Job, Model

Quality = Literal["standard", "premium"]

PATIENCE_SECONDS = 900.0
LOOK_AGAIN_SECONDS = 2.0
TIMEOUT = httpx.Timeout(35, connect=5)
HURRIED_TIMEOUT = httpx.Timeout(4)
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 30.0
PERSISTENCE_SECONDS = 60.0
_MAY_PASS = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Progress:
    """`state` is sending, queued, running, downloading, or waiting (the API asked to be asked later).

    `seconds` counts from when the job was accepted, or from the first question where none was yet.
    """

    state: str
    job_id: str | None
    seconds: float


OnProgress = Callable[[Progress], None]
P = ParamSpec("P")
R = TypeVar("R")


class Client(AbstractAsyncContextManager["Client"]):
    """One connection to the API. Everything it raises is an `ImagesError`."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        hurried: bool = False,
    ) -> None:
        """`hurried` asks once and waits a few seconds, for what a page can do without."""
        self._configuration = configuration(base_url, api_key)
        self._pauses = () if hurried else PAUSES
        self._http = httpx.AsyncClient(
            timeout=HURRIED_TIMEOUT if hurried else TIMEOUT,
            transport=transport,
            trust_env=not _is_loopback(self._configuration.base_url),
        )
        self._on_progress = on_progress or _nothing
        self._started = time.monotonic()
        self._job_id: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def models(self, width: int = 1024, height: int = 1024, quality: Quality = "standard") -> list[Model]:
        """The catalog, priced for one image of this size and quality."""
        query: dict[str, str | int] = {"width": width, "height": height, "quality": quality}
        answer = await self._ask("GET", "/models", params=query)
        return [results.model(facts) for facts in _object(answer)["models"]]

    async def submit(self, request: Mapping[str, Any], idempotency_key: str) -> Job:
        """Sends the request; the same key again is the same job again."""
        self._tell("sending")
        headers = {"Prefer": "respond-async", "Idempotency-Key": idempotency_key}
        answer = await self._ask("POST", "/generate", headers=headers, json=_without_defaults(request))
        body = _object(answer)
        if answer.status_code == httpx.codes.ACCEPTED:
            return self._seen(results.job(body, _retry_after(answer)), answer)
        replayed = answer.headers.get("idempotent-replayed") == "true"
        self._job_id = body["id"]
        return Job(id=body["id"], status="succeeded", result=body, replayed=replayed)

    async def job(self, job_id: str) -> Job:
        answer = await self._ask("GET", f"/jobs/{_checked(job_id)}")
        return self._seen(results.job(_object(answer)), answer)

    async def cancel(self, job_id: str) -> Job:
        return results.job(_object(await self._ask("DELETE", f"/jobs/{_checked(job_id)}")))

    async def finished(self, job: Job, patience: float = PATIENCE_SECONDS) -> Generation:
        """Waits until the job is over, and downloads what it made."""
        deadline = time.monotonic() + patience
        pause = job.look_again_after or LOOK_AGAIN_SECONDS
        while not job.is_over:
            if time.monotonic() + pause > deadline:
                raise errors.TookTooLong(f"The images were not ready after {patience:.0f} s.", job.id)
            await asyncio.sleep(pause)
            job = await self.job(job.id)
        return await self._generation(job)

    async def _generation(self, job: Job) -> Generation:
        if job.status == "cancelled":
            raise errors.Cancelled("The job was stopped before it began.")
        if job.problem is not None:
            error = errors.from_problem(job.problem, int(job.problem.get("status", 500)))
            error.job_is_over = True
            raise error
        if job.result is None:
            raise errors.ServiceFailed("The job is over, and its result is missing.")
        self._tell("downloading")
        stored = [detail for detail in job.result["details"] if detail["status"] == "stored"]
        pictures = await asyncio.gather(*(self._download(detail["url"]) for detail in stored))
        downloads = {detail["id"]: picture for detail, picture in zip(stored, pictures, strict=True)}
        return results.generation(job.result, downloads, replayed=job.replayed)

    async def _download(self, url: str) -> bytes:
        """The link is a secret of its own: the key does not travel with it."""
        answer = await self._persist("GET", url, {})
        if not answer.is_success:
            raise errors.ServiceFailed(f"An image's link answered with status {answer.status_code}.")
        return answer.content

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        headers = {"x-api-key": self._configuration.api_key, **options.pop("headers", {})}
        answer = await self._persist(method, f"{self._configuration.base_url}{path}", {**options, "headers": headers})
        if answer.is_success:
            return answer
        raise errors.from_problem(
            _document(answer), answer.status_code, answer.headers.get("x-request-id"), _retry_after(answer)
        )

    async def _persist(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response:
        """Sends it again while the trouble may pass: every request here may be repeated, thanks to its key."""
        give_up_at = time.monotonic() + PERSISTENCE_SECONDS
        for pause in (*self._pauses, None):
            answer = await self._attempt(method, url, options)
            if isinstance(answer, httpx.Response) and not _may_pass(answer):
                return answer
            wait = _pause(answer, pause)
            if wait is None or time.monotonic() > give_up_at:
                break
            self._tell("waiting")
            await asyncio.sleep(wait)
        if isinstance(answer, httpx.Response):
            return answer
        raise _unreachable(answer)

    async def _attempt(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.request(method, url, **options)
        except httpx.TransportError as error:
            return error
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise errors.NotConfigured(f"The address cannot be asked ({type(error).__name__}).") from error

    def _seen(self, job: Job, answer: httpx.Response) -> Job:
        self._job_id = job.id
        if not job.is_over:
            self._started = min(self._started, time.monotonic() - _age(job, answer))
            self._tell(job.status)
        return job

    def _tell(self, state: str) -> None:
        self._on_progress(Progress(state, self._job_id, time.monotonic() - self._started))


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
    base_url: str | None = None,
    api_key: str | None = None,
    on_progress: OnProgress | None = None,
    patience: float = PATIENCE_SECONDS,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Generation:
    """The images for this prompt. `seed=None` means random; pass the same `idempotency_key` to repeat one intent."""
    asked: dict[str, Any] = {
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
        job = await client.submit(asked, idempotency_key or str(uuid.uuid4()))
        return await client.finished(job, patience)


def _blocking(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """The twin for programs without an event loop; it works beside a running one too."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        if not _loop_is_running():
            return asyncio.run(function(*arguments, **options))
        with ThreadPoolExecutor(1) as elsewhere:
            return elsewhere.submit(lambda: asyncio.run(function(*arguments, **options))).result()

    call.__name__ = function.__name__.removesuffix("_async")
    return call


generate_images = _blocking(generate_images_async)


def _without_defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was left alone stays unsaid: the API warns of adjustments only where somebody insisted."""
    unsaid = {"cfg_scale": 8, "negative_text": None, "model": None}
    return {name: value for name, value in asked.items() if name not in unsaid or value != unsaid[name]}


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _nothing(_: Progress) -> None:
    pass


def _is_loopback(url: str) -> bool:
    """A proxy in the environment knows nothing of this machine's own addresses."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _checked(job_id: str) -> str:
    try:
        return str(uuid.UUID(job_id))
    except ValueError as error:
        raise errors.NotFound("There is no such job.") from error


def _may_pass(answer: httpx.Response) -> bool:
    return answer.status_code in _MAY_PASS or _document(answer).get("code") == "in_progress"


def _pause(answer: httpx.Response | httpx.TransportError, pause: float | None) -> float | None:
    """What the API asks for, else our own; None where it is not worth the wait."""
    asked_for = _retry_after(answer) if isinstance(answer, httpx.Response) else None
    if pause is None or asked_for is None:
        return pause
    return asked_for if asked_for <= LONGEST_PAUSE else None


def _retry_after(answer: httpx.Response) -> float | None:
    value = answer.headers.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    moment = _moment(value)
    return None if moment is None else max(0.0, moment - time.time())


def _age(job: Job, answer: httpx.Response) -> float:
    """By the API's own clock where it tells the time: this machine's may differ."""
    if job.created_at is None:
        return 0.0
    now = _moment(answer.headers.get("date", ""))
    return max(0.0, (time.time() if now is None else now) - job.created_at.timestamp())


def _moment(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _object(answer: httpx.Response) -> Mapping[str, Any]:
    body = _document(answer)
    if not body:
        raise errors.NotConfigured(
            "Something answers at the API's address, but not this API.", remedy="Check API_URL, its stage included."
        )
    return body


def _unreachable(error: httpx.TransportError) -> errors.Unreachable:
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return errors.Unreachable("The API does not answer in time.", remedy=errors.TRY_AGAIN)
    return errors.Unreachable("The API cannot be reached.")


__all__ = ["Client", "Configuration", "Generation", "Progress", "generate_images", "generate_images_async"]
