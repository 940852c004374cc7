"""One generation, followed from its submission to its images."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from text_to_image import connection, errors, images, jobs, results
from text_to_image.connection import Connection
from text_to_image.results import Generation, Image, Job, Waiting

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
    requested: int = 1


OnProgress = Callable[[Progress], None]
Stored = Callable[[str, int | None], bytes | None]
"""Returns the file of the image with this id, and this length if that is known, if the caller has it already."""


class Following:
    def __init__(
        self,
        api: Connection,
        on_progress: OnProgress | None = None,
        made: dict[int, Image] | None = None,
        stored: Stored | None = None,
    ) -> None:
        """`made` are images that are downloaded already, and `stored` finds others."""
        self._api = replace(api, on_retry=lambda: self._report("waiting"))
        self._on_progress = on_progress or _nothing
        self._stored = stored or (lambda _id, _length: None)
        self._started = time.monotonic()
        self._job: Job | None = None
        self._made = {} if made is None else made

    async def submit(self, request: Mapping[str, Any], idempotency_key: str) -> Job:
        """Create a job, or return the one that this idempotency key created."""
        self._report("sending")
        return await self._updated(*await jobs.submit(self._api, request, idempotency_key))

    async def job(self, job_id: str, output_format: str = "png") -> Job:
        """Ask for the job, and download the images that it has made since."""
        return await self._updated(*await jobs.get(self._api, job_id, output_format))

    async def finished(self, job: Job, max_wait: float = MAX_WAIT_SECONDS) -> Generation[Image]:
        """Wait until the job is over, and download its images."""
        deadline = time.monotonic() + max_wait
        pause = job.retry_after or POLL_SECONDS
        while not job.is_over:
            if time.monotonic() + pause > deadline:
                raise errors.TookTooLong(f"The images were not ready after {max_wait:.0f} s.", job.id)
            await self._api.transfer.sleep(pause)
            job = await self.job(job.id, job.output_format)
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
        self._job = job
        self._report("downloading")
        stored = [(place, entry) for place, entry in enumerate(job.result["details"]) if entry["status"] == "stored"]
        await self._api.transfer.gather([self._collect(job, place, entry) for place, entry in stored])
        files = {image.id: image.bytes for image in self._made.values()}
        return results.generation(job.result, files, replayed=job.replayed)

    async def _updated(self, job: Job, answer: httpx.Response) -> Job:
        self._job = job
        if not job.is_over:
            self._started = min(self._started, time.monotonic() - _age(job, answer))
            self._report(job.status)
            for entry in job.made:
                await self._collect(job, entry["index"], entry)
        return job

    async def _collect(self, job: Job, place: int, entry: Mapping[str, Any]) -> None:
        """Download an image once."""
        known = self._made.get(place)
        if known and known.id == entry["id"]:
            return
        length = entry.get("bytes") if self._is_final(job) else None
        file = self._stored(entry["id"], length) or await self._download(job, entry)
        model = job.result["model"] if job.result else entry.get("model", "")
        self._made[place] = results.image(entry, (place, job.requested), model, file)
        self._report("downloading" if job.is_over else job.status)

    async def _download(self, job: Job, entry: Mapping[str, Any]) -> bytes:
        """Use the permanent link if the presigned one has expired, or leads to another format."""
        if not self._is_final(job):
            return await images.file(self._api, entry["id"], job.output_format)
        answer = await self._api.fetch(entry["url"])
        if answer.status_code in {FORBIDDEN, NOT_FOUND}:
            return await images.file(self._api, entry["id"], job.output_format)
        return images.content(answer)

    @staticmethod
    def _is_final(job: Job) -> bool:
        """Whether the entries are about files of the job's format: a running job tells of PNGs."""
        return job.output_format == "png" or job.is_over

    def _report(self, state: str) -> None:
        progress = Progress(state, None, time.monotonic() - self._started, dict(self._made))
        if job := self._job:
            progress = replace(
                progress, job_id=job.id, attempts=job.attempts, waiting=job.waiting, requested=job.requested
            )
        self._on_progress(progress)


def _nothing(_: object) -> None:
    pass


def _age(job: Job, answer: httpx.Response) -> float:
    """Return the job's age by the API's clock, if it sends the time: this machine's may differ."""
    if job.created_at is None:
        return 0.0
    now = connection.moment(answer.headers.get("date", ""))
    return max(0.0, (time.time() if now is None else now) - job.created_at.timestamp())
