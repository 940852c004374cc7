"""The routes of webhooks: a key's settings, and the log of its deliveries."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

import bootstrap
from api.body import WebhookUrl
from api.caller import caller
from api.job import time_of
from api.responses import REQUEST_ID, answers, refusals
from aws.table import KEY, LISTED_AT, LISTING, Record
from imaging.errors import FieldError, InvalidRequest, NotFound
from imaging.records import delivery as records
from imaging.records.delivery import Delivery, Status, Type
from imaging.requests.request import whole
from imaging.webhooks.endpoints import Endpoint

router = APIGatewayRouter()

DEFAULT_PAGE, LARGEST_PAGE = 24, 100
MAX_OVERLAP_HOURS = 168


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class EndpointBody(_Body):
    """Where jobs are sent by default."""

    url: WebhookUrl = Field(description="An https:// address on the public internet.")


class RotationBody(_Body):
    """How to replace a secret."""

    overlap_hours: Annotated[int, Field(ge=0, le=MAX_OVERLAP_HOURS), BeforeValidator(whole)] = Field(
        24,
        description="How long earlier secrets sign beside the new one, 0 to 168. 0 ends them at once, after a leak.",
    )


USUAL_ROTATION = RotationBody()


class SecretPeriod(BaseModel):
    """When a secret signs. The secret itself is shown only when it is made."""

    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When a replaced secret stops signing; null for the newest.")


class EndpointAnswer(BaseModel):
    """What the calling key has set for its webhooks."""

    url: str | None = Field(description="Where jobs are sent that do not name another address; null for nowhere.")
    secrets: list[SecretPeriod] = Field(description="The secrets that sign now, the newest first.")


class SecretAnswer(BaseModel):
    """A new secret. It is not shown again."""

    secret: str = Field(description="With it receivers verify what they get: whsec_ and base64.")
    secrets: list[SecretPeriod] = Field(description="The secrets that sign now, the newest first.")


class DeliveryAttemptAnswer(BaseModel):
    """One try."""

    at: datetime = Field(description="When it began.")
    seconds: float = Field(description="How long it took.")
    status: int | None = Field(description="The status that the receiver answered; null without an answer.")
    error: str | None = Field(
        description="Why there is no answer: address_refused, name_not_found, connection_failed, certificate_invalid, "
        "tls_failed, timed_out, answer_invalid or no_secret."
    )


class DeliveryAnswer(BaseModel):
    """The end of a job, as it was sent to a receiver, or will be."""

    id: str = Field(description="The message's id, in the header webhook-id of each try.")
    job_id: str = Field(description="The job that ended.")
    type: Type = Field(description="How the job ended.")
    url: str = Field(description="The receiver.")
    status: Status = Field(description="pending while it is tried, then delivered or given_up.")
    created_at: datetime = Field(description="When the job ended.")
    next_at: datetime | None = Field(description="When it is tried next; null when it is over.")
    attempts: list[DeliveryAttemptAnswer] = Field(description="The last 30 tries, the oldest first.")


class DeliveriesPage(BaseModel):
    """Deliveries, the newest first."""

    deliveries: list[DeliveryAnswer] = Field(description="At most `limit` deliveries.")
    next_cursor: str | None = Field(description="For the next page; null on the last.")


class JobDeliveries(BaseModel):
    """The deliveries of one job."""

    deliveries: list[DeliveryAnswer] = Field(description="The oldest first. Empty if nothing was to be sent.")


_NO_CONTENT: dict[int, OpenAPIResponse] = {204: {"description": "Forgotten.", "headers": REQUEST_ID}}
_RESENT: dict[int, OpenAPIResponse] = {
    202: {
        "description": "The delivery, which is tried again now.",
        "content": {"application/json": {"model": DeliveryAnswer}},
        "headers": REQUEST_ID,
    }
}


@router.get(
    "/webhooks",
    summary="The calling key's webhook settings",
    tags=["Webhooks"],
    operation_id="getWebhooks",
    description="Where jobs are sent by default, and when the secrets were made.",
    responses=answers(EndpointAnswer, "The settings.", 401, 429, 500, 503),
)
def settings() -> EndpointAnswer:
    return _settings(bootstrap.services().endpoints.get(caller(router.current_event)))


@router.put(
    "/webhooks",
    summary="Set where jobs are sent by default",
    tags=["Webhooks"],
    operation_id="setWebhooks",
    description="Holds for jobs that are accepted from now on and do not name a `webhook_url`. The key needs a secret "
    "first.",
    responses=answers(EndpointAnswer, "The settings.", 400, 401, 413, 429, 500, 503),
)
def set_url(body: Annotated[EndpointBody, Body()]) -> EndpointAnswer:
    owner = caller(router.current_event)
    return _settings(bootstrap.services().endpoints.set_url(owner, body.url, "url"))


@router.delete(
    "/webhooks",
    summary="Forget the calling key's webhook settings",
    tags=["Webhooks"],
    operation_id="deleteWebhooks",
    description="The secrets and the default address. Without a secret nothing more is sent, not even a pending "
    "delivery.",
    responses={**_NO_CONTENT, **refusals(401, 429, 500, 503)},
)
def forget() -> Response[str]:
    bootstrap.services().endpoints.forget(caller(router.current_event))
    return Response(HTTPStatus.NO_CONTENT, body="")


@router.post(
    "/webhooks/secret",
    summary="Make a secret, or replace it",
    tags=["Webhooks"],
    operation_id="rotateWebhookSecret",
    description="Shown in this answer only. Earlier secrets sign beside it for `overlap_hours`, so that receivers can "
    "change over.",
    responses=answers(SecretAnswer, "The new secret.", 400, 401, 413, 429, 500, 503),
)
def rotate(body: Annotated[RotationBody, Body()] = USUAL_ROTATION) -> Response[Any]:
    found = bootstrap.services().endpoints.rotate(caller(router.current_event), body.overlap_hours * 3600)
    answer = SecretAnswer(secret=found.secrets[0].secret, secrets=_settings(found).secrets)
    return Response(HTTPStatus.OK, "application/json", answer, {"Cache-Control": "no-store"})


@router.get(
    "/webhooks/deliveries",
    summary="The log of webhooks, the newest first",
    tags=["Webhooks"],
    operation_id="listDeliveries",
    description="What was sent to the calling key's receivers, or will be, with every try.",
    responses=answers(DeliveriesPage, "A page of deliveries.", 400, 401, 429, 500, 503),
)
def deliveries(
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Deliveries on a page.")] = DEFAULT_PAGE,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> DeliveriesPage:
    owner, services = caller(router.current_event), bootstrap.services()
    page = services.deliveries.listed(owner, limit, _start(owner, cursor) if cursor is not None else None)
    found = services.deliveries.get_many([records.delivery_id(record[KEY]) for record in page.records])
    last = page.next and records.delivery_id(page.next[KEY])
    return DeliveriesPage(deliveries=[_delivery(each) for each in found], next_cursor=last)


@router.get(
    "/webhooks/deliveries/<delivery_id>",
    summary="One delivery",
    tags=["Webhooks"],
    operation_id="getDelivery",
    description="With every try, and when it is tried next.",
    responses=answers(DeliveryAnswer, "The delivery.", 401, 404, 429, 500, 503),
)
def delivery(delivery_id: str) -> DeliveryAnswer:
    return _delivery(bootstrap.services().deliveries.get(caller(router.current_event), delivery_id))


@router.post(
    "/webhooks/deliveries/<delivery_id>/resend",
    summary="Send a delivery again",
    tags=["Webhooks"],
    operation_id="resendDelivery",
    description="Under the same id, and with as many tries as at first. Its body shows the job as it is now: without "
    "images that were deleted.",
    responses={**_RESENT, **refusals(401, 404, 429, 500, 503)},
)
def resend(delivery_id: str) -> Response[Any]:
    changed = bootstrap.services().webhooks.again(caller(router.current_event), delivery_id)
    return Response(HTTPStatus.ACCEPTED, "application/json", _delivery(changed))


@router.get(
    "/jobs/<job_id>/deliveries",
    summary="The webhooks of a job",
    tags=["Webhooks"],
    operation_id="getJobDeliveries",
    description="What was sent when the job ended, or will be, with every try.",
    responses=answers(JobDeliveries, "The job's deliveries.", 401, 404, 429, 500, 503),
)
def of_job(job_id: str) -> JobDeliveries:
    services = bootstrap.services()
    job = services.generations.get(caller(router.current_event), job_id)
    return JobDeliveries(deliveries=[_delivery(each) for each in services.deliveries.get_many(job.deliveries)])


def _start(owner: str, cursor: str) -> Record:
    try:
        last = bootstrap.services().deliveries.get(owner, cursor)
    except NotFound:
        message = "Must be next_cursor of a page of your own"
        raise InvalidRequest(
            f"The request is not valid. cursor: {message}", fields=[FieldError("cursor", message)]
        ) from None
    return {KEY: records.key(last.id), LISTING: records.listing(owner), LISTED_AT: last.created_at}


def _settings(endpoint: Endpoint) -> EndpointAnswer:
    periods = [
        SecretPeriod(created_at=time_of(each.created_at), expires_at=each.expires_at and time_of(each.expires_at))
        for each in endpoint.secrets
    ]
    return EndpointAnswer(url=endpoint.url, secrets=periods)


def _delivery(found: Delivery) -> DeliveryAnswer:
    attempts = [
        DeliveryAttemptAnswer(at=time_of(each.at), seconds=each.seconds, status=each.status, error=each.error)
        for each in found.attempts
    ]
    return DeliveryAnswer(
        id=found.id,
        job_id=found.generation_id,
        type=found.type,
        url=found.webhook.url,
        status=found.status,
        created_at=time_of(found.created_at),
        next_at=time_of(found.next_at) if found.next_at is not None else None,
        attempts=attempts,
    )
