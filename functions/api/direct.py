"""Direct invocations (`sam local invoke`, Step Functions, the SDK): the event is the body of POST /generate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

import bootstrap
from api import problems
from api.answer import answer
from api.body import ImagesBody
from api.caller import DIRECT, deadline
from api.preferences import MAX_WAIT_SECONDS, idempotency_key
from aws.bucket import BucketError
from imaging.errors import FieldError, ImagingError, InternalError, InvalidRequest
from imaging.generations import Delivery
from imaging.images.encoding import Format, Rendition
from imaging.records.record import GenerationRecord
from observability import log_bug

KEY_FIELD, ASYNC_FIELD = "idempotency_key", "respond_async"
"""The fields of the event that replace the headers Idempotency-Key and Prefer."""

_FIELDS = ", ".join([*ImagesBody.model_fields, KEY_FIELD, ASYNC_FIELD])
_UNKNOWN_FIELDS = {"type": "unknown_fields", "loc": ("event",), "msg": f"It has unknown fields; there are {_FIELDS}"}


@dataclass(frozen=True)
class _Asked:
    body: ImagesBody
    key: str | None
    respond_async: bool


def generate(event: object, context: LambdaContext) -> dict[str, Any]:
    """The 200 body of POST /generate, or a job for `respond_async`, as JSON values. Raises ImagingError, which a state
    machine catches by class."""
    try:
        asked = _asked(event)
        answered = _answered(asked, context)
        return _job(answered) if isinstance(answered, GenerationRecord) else _images(answered, asked.body)
    except ImagingError:
        raise
    except BucketError as error:
        raise problems.no_link(error) from None
    except Exception as error:  # noqa: BLE001 - the runtime would log the exception's text
        log_bug(error)
        # `from None`: the runtime logs the chain of exceptions, and the cause may quote the request.
        raise InternalError from None


def _answered(asked: _Asked, context: LambdaContext) -> Delivery | GenerationRecord:
    services = bootstrap.services()
    submission = services.deduplication.submission(asked.body.generation_request(), DIRECT, asked.key)
    if asked.respond_async:
        return services.generations.enqueue(submission)
    return services.generations.run(submission, deadline(context), MAX_WAIT_SECONDS)


def _images(delivery: Delivery, body: ImagesBody) -> dict[str, Any]:
    generation = delivery.generation
    files = bootstrap.services().renditions.files(DIRECT, generation.stored, Rendition(Format(body.output_format)))
    return answer(generation, files).model_dump(mode="json", exclude_none=True)


def _job(job: GenerationRecord) -> dict[str, Any]:
    """The job without links, as there is no address. The event of its end has the same id."""
    return {"id": job.id, "status": job.status}


def _asked(event: object) -> _Asked:
    if not isinstance(event, dict):
        return _Asked(_body(event), None, respond_async=False)
    body = {name: value for name, value in event.items() if name not in {KEY_FIELD, ASYNC_FIELD}}
    key = idempotency_key(event.get(KEY_FIELD), KEY_FIELD)
    return _Asked(_body(body), key, _is_async(event.get(ASYNC_FIELD, False)))


def _is_async(value: object) -> bool:
    if isinstance(value, bool):
        return value
    message = "Must be true or false"
    raise InvalidRequest(
        f"The request is not valid. {ASYNC_FIELD}: {message}", fields=[FieldError(ASYNC_FIELD, message)]
    )


def _body(event: object) -> ImagesBody:
    try:
        return ImagesBody.model_validate(event)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise problems.invalid_request(_without_field_names(found)) from None


def _without_field_names(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The errors without the names of unknown fields: the runtime logs them, and a name may quote the prompt."""
    known = [error for error in found if error["type"] != "extra_forbidden"]
    return known if len(known) == len(found) else [*known, _UNKNOWN_FIELDS]
