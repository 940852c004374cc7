"""GET and DELETE /jobs/{id}, and the 202 answer of POST /generate."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

import bootstrap
from api.answer import GenerationAnswer, answer, stored_detail
from api.caller import address, caller, stable_link
from api.job import JobAnswer, Progress, StoredImageSoFar, job_url, problem_of, shown
from api.responses import answers
from imaging.images.encoding import Format, Rendition
from imaging.records.record import GenerationRecord

router = APIGatewayRouter()

POLL_SECONDS = 2

OutputFormat = Annotated[Literal["png", "jpeg", "webp"], Query(description="The format of the result's files.")]


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
        "Location": job_url(address(event), job.id, form),
        "Retry-After": str(POLL_SECONDS),
        "Preference-Applied": "respond-async",
    }
    return Response(HTTPStatus.ACCEPTED, "application/json", job_answer(job, event, form), headers)


def job_answer(job: GenerationRecord, event: APIGatewayProxyEvent, form: Format = Format.PNG) -> JobAnswer:
    problem = problem_of(job.failure, event.path, router.context["request_id"]) if job.failure else None
    return shown(job, address(event), form, _progress(job, event), _result(job, event, form), problem)


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


def _result(job: GenerationRecord, event: APIGatewayProxyEvent, form: Format) -> GenerationAnswer | None:
    if job.result is None:
        return None
    now = bootstrap.services().gallery.current(job.owner, job.result)
    files = bootstrap.services().renditions.files(job.owner, now.stored, Rendition(form))
    return answer(now, files, stable_link(event, form))
