"""GET and DELETE /jobs/{id}, and the 202 answer of POST /generate."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

import bootstrap
from api.answer import GenerationAnswer, StoredDetail, answer, stored_detail
from api.caller import caller, job_address, stable_link
from api.problems import STATUS_BY_CODE, Problem, phrase
from api.responses import answers
from imaging.images.encoding import Format, Rendition
from imaging.records.record import GenerationRecord, Status

router = APIGatewayRouter()

POLL_SECONDS = 2

OutputFormat = Annotated[Literal["png", "jpeg", "webp"], Query(description="The format of the result's files.")]


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


@router.get(
    "/jobs/<job_id>",
    summary="How a job is doing",
    tags=["Jobs"],
    operation_id="getJob",
    description="With its result once it is over: the images with fresh links, or the problem.",
    responses=answers(JobAnswer, "The job.", 400, 401, 404, 429, 500, 503),
)
def get(job_id: str, output_format: OutputFormat = "png") -> JobAnswer:
    event = router.current_event
    return job_answer(bootstrap.services().generations.get(caller(event), job_id), event, Format(output_format))


@router.delete(
    "/jobs/<job_id>",
    summary="Cancel a job that is still queued",
    tags=["Jobs"],
    operation_id="cancelJob",
    description="A job that has begun, or is over, is a 409 `not_cancellable`.",
    responses=answers(JobAnswer, "The job, cancelled.", 401, 404, 409, 429, 500, 503),
)
def cancel(job_id: str) -> JobAnswer:
    return job_answer(
        bootstrap.services().generations.cancel(caller(router.current_event), job_id), router.current_event
    )


def accepted(job: GenerationRecord, event: APIGatewayProxyEvent, form: Format) -> Response[Any]:
    """202 with the job, its address and when to poll it."""
    headers: dict[str, str | list[str]] = {
        "Location": _address(event, job.id, form),
        "Retry-After": str(POLL_SECONDS),
        "Preference-Applied": "respond-async",
    }
    return Response(HTTPStatus.ACCEPTED, "application/json", job_answer(job, event, form), headers)


def job_answer(job: GenerationRecord, event: APIGatewayProxyEvent, form: Format = Format.PNG) -> JobAnswer:
    return JobAnswer(
        id=job.id,
        status=job.status,
        created_at=_time(job.created_at),
        started_at=job.started_at and _time(job.started_at),
        ended_at=job.ended_at and _time(job.ended_at),
        attempts=job.attempts,
        links=JobLinks(self=_address(event, job.id, form), cancel=job_address(event, job.id)),
        progress=_progress(job, event),
        waiting=_waiting(job),
        possibly_rebilled=job.possibly_rebilled,
        result=_result(job, event, form),
        problem=_problem(job, event),
    )


def _address(event: APIGatewayProxyEvent, job_id: str, form: Format) -> str:
    """Where the job is told with links to files of that format."""
    address = job_address(event, job_id)
    return address if form is Format.PNG else f"{address}?output_format={form}"


def _time(epoch_seconds: float) -> datetime:
    return datetime.fromtimestamp(int(epoch_seconds), UTC)


def _progress(job: GenerationRecord, event: APIGatewayProxyEvent) -> Progress:
    if job.result is not None:
        return Progress(requested=job.requested, made=len(job.result.stored), details=[])
    made = bootstrap.services().generations.progress(job)
    details = [
        StoredImageSoFar(
            index=index,
            **stored_detail(
                image, index, job.requested, bootstrap.services().bucket.link(image.id), stable_link(event)
            ).model_dump(),
        )
        for index, image in made.items()
    ]
    return Progress(requested=job.requested, made=len(made), details=details)


def _waiting(job: GenerationRecord) -> Waiting | None:
    if job.status != "queued" or job.waiting is None:
        return None
    return Waiting(code=job.waiting.code, detail=job.waiting.detail, retry_at=_time(job.retry_at))


def _result(job: GenerationRecord, event: APIGatewayProxyEvent, form: Format) -> GenerationAnswer | None:
    if job.result is None:
        return None
    now = bootstrap.services().gallery.current(job.owner, job.result)
    files = bootstrap.services().renditions.files(job.owner, now.stored, Rendition(form))
    return answer(now, files, stable_link(event, form))


def _problem(job: GenerationRecord, event: APIGatewayProxyEvent) -> Problem | None:
    if job.failure is None:
        return None
    status = STATUS_BY_CODE[job.failure.code]
    return Problem(
        title=phrase(status),
        status=status,
        instance=event.path,
        request_id=router.context["request_id"],
        **job.failure.model_dump(),
    )
