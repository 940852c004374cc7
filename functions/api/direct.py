"""Direct invocations (`sam local invoke`, Step Functions, the SDK): the event is the body of POST /generate."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

import bootstrap
from api import problems
from api.answer import answer
from api.body import GenerateBody
from api.caller import DIRECT, deadline
from api.preferences import MAX_WAIT_SECONDS, idempotency_key
from api.webhooks import webhook_needs_job
from aws.bucket import BucketError
from imaging.errors import ImagingError, InternalError
from imaging.images.encoding import Format, Rendition
from observability import log_bug

KEY_FIELD = "idempotency_key"
"""The field of the event that replaces the Idempotency-Key header."""

_FIELDS = ", ".join([*GenerateBody.model_fields, KEY_FIELD])
_UNKNOWN_FIELDS = {"type": "unknown_fields", "loc": ("event",), "msg": f"It has unknown fields; there are {_FIELDS}"}


def generate(event: object, context: LambdaContext) -> dict[str, Any]:
    """The 200 body of POST /generate, as JSON values. Raises ImagingError, which a state machine catches by class."""
    try:
        body, key = _asked(event)
        services = bootstrap.services()
        submission = services.deduplication.submission(body.generation_request(), DIRECT, key)
        generation = services.generations.run(submission, deadline(context), MAX_WAIT_SECONDS).generation
        files = services.renditions.files(DIRECT, generation.stored, Rendition(Format(body.output_format)))
        return answer(generation, files).model_dump(mode="json", exclude_none=True)
    except ImagingError:
        raise
    except BucketError as error:
        raise problems.no_link(error) from None
    except Exception as error:  # noqa: BLE001 - the runtime would log the exception's text
        log_bug(error)
        # `from None`: the runtime logs the chain of exceptions, and the cause may quote the request.
        raise InternalError from None


def _asked(event: object) -> tuple[GenerateBody, str | None]:
    """The body and the Idempotency-Key."""
    if not isinstance(event, dict):
        return _body(event), None
    body = {name: value for name, value in event.items() if name != KEY_FIELD}
    return _without_webhook(_body(body)), idempotency_key(event.get(KEY_FIELD), KEY_FIELD)


def _without_webhook(body: GenerateBody) -> GenerateBody:
    if body.webhook_url:
        raise webhook_needs_job()
    return body


def _body(event: object) -> GenerateBody:
    try:
        return GenerateBody.model_validate(event)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise problems.invalid_request(_without_field_names(found)) from None


def _without_field_names(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The errors without the names of unknown fields: the runtime logs them, and a name may quote the prompt."""
    known = [error for error in found if error["type"] != "extra_forbidden"]
    return known if len(known) == len(found) else [*known, _UNKNOWN_FIELDS]
