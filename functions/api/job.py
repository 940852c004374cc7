"""A job as its callers and its webhooks see it."""

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from api.answer import GenerationAnswer, StoredDetail
from api.problems import STATUS_BY_CODE, Problem, phrase
from imaging.images.encoding import Format
from imaging.records.record import Failure, GenerationRecord, Status


class JobLinks(BaseModel):
    """Where to look at the job, and where to cancel it."""

    self: str = Field(description="The job's address.")
    cancel: str = Field(description="Where a DELETE cancels the job while it is queued.")


class StoredImageSoFar(StoredDetail):
    """An image that is there before its job is over."""

    index: int = Field(description="Its index among the requested images, from 0.")


class Progress(BaseModel):
    """How many images a job has stored so far. `details` is empty once the job has a result, which lists them."""

    requested: int = Field(description="How many images were asked for.")
    made: int = Field(description="How many are stored so far.")
    details: list[StoredImageSoFar] = Field(description="The images that are stored so far.")


class Waiting(BaseModel):
    """Why a queued job waits, and when the next attempt begins."""

    code: str = Field(description="The code of what the job waits for.")
    detail: str = Field(description="The same in words.")
    retry_at: datetime = Field(description="When the next attempt may begin.")


class JobAnswer(BaseModel):
    """A generation in the background. The prompt is never returned."""

    id: str = Field(description="The job's id, which is the generation's too.")
    status: Status = Field(description="How far the job is.")
    created_at: datetime = Field(description="When the job was accepted.")
    started_at: datetime | None = Field(description="When the last attempt began; null before the first.")
    ended_at: datetime | None = Field(description="When the job ended; null before.")
    attempts: int = Field(description="How often the job was begun.")
    links: JobLinks
    progress: Progress
    waiting: Waiting | None = Field(description="Present while a queued job waits for another attempt.")
    possibly_rebilled: bool = Field(description="A function crashed during a model call, which may be billed twice.")
    result: GenerationAnswer | None = Field(description="As POST /generate would have answered, with fresh links.")
    problem: Problem | None = Field(description="As POST /generate would have refused.")


def shown(  # noqa: PLR0913, PLR0917 - a job's parts, each made in its own way
    job: GenerationRecord,
    address: str,
    form: Format,
    progress: Progress,
    result: GenerationAnswer | None,
    problem: Problem | None,
) -> JobAnswer:
    return JobAnswer(
        id=job.id,
        status=job.status,
        created_at=time_of(job.created_at),
        started_at=job.started_at and time_of(job.started_at),
        ended_at=job.ended_at and time_of(job.ended_at),
        attempts=job.attempts,
        links=JobLinks(self=job_url(address, job.id, form), cancel=job_url(address, job.id)),
        progress=progress,
        waiting=_waiting(job),
        possibly_rebilled=job.possibly_rebilled,
        result=result,
        problem=problem,
    )


def job_url(address: str, job_id: str, form: Format = Format.PNG) -> str:
    """Where the job is shown, with links to files of that format."""
    url = f"{address}/jobs/{job_id}"
    return url if form is Format.PNG else f"{url}?output_format={form}"


def problem_of(failure: Failure, instance: str, request_id: str) -> Problem:
    status = STATUS_BY_CODE[failure.code]
    return Problem(
        title=phrase(status),
        status=status,
        instance=instance,
        request_id=request_id,
        **failure.model_dump(),
    )


def time_of(epoch_seconds: float) -> datetime:
    return datetime.fromtimestamp(int(epoch_seconds), UTC)


def _waiting(job: GenerationRecord) -> Waiting | None:
    if job.status != "queued" or job.waiting is None:
        return None
    return Waiting(code=job.waiting.code, detail=job.waiting.detail, retry_at=time_of(job.retry_at))
