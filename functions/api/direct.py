"""Direct invocations (`sam local invoke`, Step Functions, the SDK): the event is the body of POST /generate."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

import bootstrap
from api import problems
from api.answer import answer
from api.caller import DIRECT, deadline
from imaging.errors import ImagingError
from imaging.request import GenerationRequest


class InternalError(Exception):
    """A fault in the service itself."""


def generate(event: object, context: LambdaContext) -> dict[str, Any]:
    """The 200 body of POST /generate. Raises an ImagingError, whose class a state machine can catch by name."""
    try:
        generation = bootstrap.generator().generate(_request(event), DIRECT, deadline(context))
        return answer(generation, bootstrap.bucket()).model_dump(mode="json", exclude_none=True)
    except ImagingError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort before the runtime
        problems.log_bug(error)
        # The cause is cut off, because the runtime logs what is raised here and the cause may quote the request.
        raise InternalError(f"A fault in the service; the log has it under {context.aws_request_id}.") from None


def _request(event: object) -> GenerationRequest:
    try:
        return GenerationRequest.model_validate(event)
    except ValidationError as error:
        raise problems.invalid_request(error.errors(include_input=False, include_url=False)) from None
