"""GET and DELETE /jobs/{id}, and the job that POST /generate answers when nobody wants to wait."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

import bootstrap
from api.answer import GenerationAnswer, answer
from api.caller import address, caller, stable_link
from api.problems import STATUS_BY_CODE, Problem, phrase
from api.responses import answers
from imaging.jobs import Job, Status

router = APIGatewayRouter()

POLL_SECONDS = 2


class JobLinks(BaseModel):
    self: str
    cancel: str


class JobAnswer(BaseModel):
    """A generation that is made in the background. The prompt is never told again."""

    id: str
    status: Status
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    links: JobLinks
    possibly_rebilled: bool = Field(description="A function died in mid-call, so that call may have been billed twice.")
    result: GenerationAnswer | None = Field(description="As POST /generate would have answered, with fresh links.")
    problem: Problem | None = Field(description="As POST /generate would have refused.")


@router.get(
    "/jobs/<job_id>",
    summary="How a job is doing",
    tags=["Jobs"],
    operation_id="getJob",
    responses=answers(JobAnswer, "The job.", 401, 404, 429, 500, 503),
)
def get(job_id: str) -> JobAnswer:
    return told(bootstrap.jobs().get(caller(router.current_event), job_id), router.current_event)


@router.delete(
    "/jobs/<job_id>",
    summary="Cancel a job that is still queued",
    tags=["Jobs"],
    operation_id="cancelJob",
    responses=answers(JobAnswer, "The job, cancelled.", 401, 404, 409, 429, 500, 503),
)
def cancel(job_id: str) -> JobAnswer:
    return told(bootstrap.jobs().cancel(caller(router.current_event), job_id), router.current_event)


def accepted(job: Job, event: APIGatewayProxyEvent) -> Response[Any]:
    """202, with where to look and when."""
    headers: dict[str, str | list[str]] = {
        "Location": location(job, event),
        "Retry-After": str(POLL_SECONDS),
        "Preference-Applied": "respond-async",
    }
    return Response(HTTPStatus.ACCEPTED, "application/json", told(job, event), headers)


def location(job: Job, event: APIGatewayProxyEvent) -> str:
    return f"{address(event)}/jobs/{job.id}"


def told(job: Job, event: APIGatewayProxyEvent) -> JobAnswer:
    where = location(job, event)
    return JobAnswer(
        id=job.id,
        status=job.status,
        created_at=_time(job.created_at),
        started_at=job.started_at and _time(job.started_at),
        ended_at=job.ended_at and _time(job.ended_at),
        attempts=job.attempts,
        links=JobLinks(self=where, cancel=where),
        possibly_rebilled=job.possibly_rebilled,
        result=_result(job, event),
        problem=_problem(job, event),
    )


def _time(epoch_seconds: float) -> datetime:
    return datetime.fromtimestamp(int(epoch_seconds), UTC)


def _result(job: Job, event: APIGatewayProxyEvent) -> GenerationAnswer | None:
    if job.result is None:
        return None
    now = bootstrap.gallery().as_it_is_now(job.owner, job.result)
    return answer(now, bootstrap.bucket(), stable_link(event))


def _problem(job: Job, event: APIGatewayProxyEvent) -> Problem | None:
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
