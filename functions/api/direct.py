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
from api.preferences import idempotency_key
from imaging.errors import ImagingError, InternalError
from imaging.generations import MAX_WAIT_SECONDS
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from observability import log_bug

KEY_FIELD = "idempotency_key"
"""What HTTP carries in a header stands in the event here."""

_FIELDS = ", ".join([*GenerateBody.model_fields, KEY_FIELD])
_UNKNOWN_FIELDS = {"type": "unknown_fields", "loc": ("event",), "msg": f"It has unknown fields; there are {_FIELDS}"}


def generate(event: object, context: LambdaContext) -> dict[str, Any]:
    """The 200 body of POST /generate. Raises an ImagingError, whose class a state machine can catch by name."""
    try:
        delivery = bootstrap.generations().run(_submission(event), deadline(context), MAX_WAIT_SECONDS)
        return answer(delivery.generation, bootstrap.bucket()).model_dump(mode="json", exclude_none=True)
    except ImagingError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort before the runtime
        log_bug(error)
        # The cause is cut off, because the runtime logs what is raised here and the cause may quote the request.
        raise InternalError from None


def _submission(event: object) -> Submission:
    if not isinstance(event, dict):
        return bootstrap.deduplication().submission(_request(event), DIRECT)
    body = {name: value for name, value in event.items() if name != KEY_FIELD}
    key = idempotency_key(event.get(KEY_FIELD), KEY_FIELD)
    return bootstrap.deduplication().submission(_request(body), DIRECT, key)


def _request(event: object) -> GenerationRequest:
    try:
        return GenerateBody.model_validate(event).generation_request()
    except ValidationError as error:
        raise problems.invalid_request(_without_names(error.errors(include_input=False, include_url=False))) from None


def _without_names(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Unknown fields without their names: the runtime logs what is raised, and a name may quote the prompt."""
    known = [error for error in found if error["type"] != "extra_forbidden"]
    return known if len(known) == len(found) else [*known, _UNKNOWN_FIELDS]
