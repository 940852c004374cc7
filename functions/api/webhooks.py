"""Which webhook a request asks for."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

import bootstrap
from api.body import GenerateBody
from api.caller import address, caller
from imaging.errors import FieldError, InvalidRequest
from imaging.requests.webhook import DEFAULT, Webhook

FIELD = "webhook_url"


def requested_webhook(body: GenerateBody, event: APIGatewayProxyEvent, *, is_job: bool) -> Webhook | None:
    """Where the job's end is sent: the request's URL, or the key's default if the request does not name one. Raises
    InvalidRequest."""
    if not is_job:
        if body.webhook_url:
            raise webhook_needs_job()
        return None
    url = _url(body, caller(event))
    return None if url is None else Webhook(url=url, address=address(event), output_format=body.output_format)


def _url(body: GenerateBody, owner: str) -> str | None:
    if not body.sets(FIELD):
        return DEFAULT
    return body.webhook_url and bootstrap.services().endpoints.checked(owner, body.webhook_url, FIELD)


def webhook_needs_job() -> InvalidRequest:
    message = "Only a job has an end to send: ask for one with Prefer: respond-async"
    return InvalidRequest(f"The request is not valid. {FIELD}: {message}.", fields=[FieldError(FIELD, message)])
