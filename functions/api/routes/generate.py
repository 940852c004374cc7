"""POST /generate."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse, OpenAPIResponseHeader
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

import bootstrap
from api.answer import GenerationAnswer, answer
from api.body import GenerateBody
from api.caller import caller, deadline, stable_link
from api.job import JobAnswer
from api.preferences import Preferences
from api.responses import REQUEST_ID, answers
from api.routes.jobs import accepted
from api.webhooks import requested_webhook
from imaging.generations import Delivery
from imaging.images.encoding import Format, Rendition

router = APIGatewayRouter()

REPLAYED = "Idempotent-Replayed"

_REPLAYED: OpenAPIResponseHeader = {
    "description": "Present where the images were made for an earlier request, and nothing was paid for this one.",
    "schema": {"type": "string", "enum": ["true"]},
}
_ANSWERS: dict[int, OpenAPIResponse] = answers(
    GenerationAnswer, "The images that were made.", 400, 401, 402, 404, 409, 413, 422, 429, 500, 502, 503, 504
)
_ANSWERS[200]["headers"] = {**_ANSWERS[200]["headers"], REPLAYED: _REPLAYED}
_ANSWERS[202] = {
    "description": "The job that makes them, for `Prefer: respond-async`.",
    "content": {"application/json": {"model": JobAnswer}},
    "headers": {
        **REQUEST_ID,
        "Location": {"description": "Where the job is.", "schema": {"type": "string", "format": "uri"}},
        "Retry-After": {"description": "Seconds until the next poll.", "schema": {"type": "integer"}},
        "Preference-Applied": {"description": "Always respond-async.", "schema": {"type": "string"}},
    },
}


@router.post(
    "/generate",
    summary="Make images from a text",
    tags=["Images"],
    operation_id="generate",
    description="Answers when the images are made, or with `Prefer: respond-async` at once with a job. The same "
    "request again brings the same images and costs nothing, if its seed is fixed or it has an Idempotency-Key.",
    responses=_ANSWERS,
)
def generate(body: Annotated[GenerateBody, Body()]) -> Response[Any]:
    event = router.current_event
    preferences, services = Preferences.of(event), bootstrap.services()
    webhook = requested_webhook(body, event, is_job=preferences.respond_async)
    submission = services.deduplication.submission(
        body.generation_request(), caller(event), preferences.key, fresh=preferences.fresh
    ).with_webhook(webhook)
    if not preferences.respond_async:
        delivery = services.generations.run(submission, deadline(router.lambda_context), preferences.wait)
        return _delivered(delivery, event, body)
    answered = services.generations.enqueue(submission)
    if isinstance(answered, Delivery):
        return _delivered(answered, event, body)
    return accepted(answered, event, Format(body.output_format))


def _delivered(delivery: Delivery, event: APIGatewayProxyEvent, asked: GenerateBody) -> Response[Any]:
    form = Format(asked.output_format)
    files = bootstrap.services().renditions.files(caller(event), delivery.generation.stored, Rendition(form))
    body = answer(delivery.generation, files, stable_link(event, form))
    return Response(HTTPStatus.OK, "application/json", body, {REPLAYED: "true"} if delivery.replayed else {})
