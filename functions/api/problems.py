"""Turns every error into a problem document (RFC 9457), or into OpenAI's error under /v1."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from api import openai, openai_answers
from api.caller import job_address
from aws.bucket import BucketError
from imaging import errors
from imaging.errors import FieldError, ImagingError, InvalidRequest, ModelFailure
from observability import log_bug, logger

CONTENT_TYPE = "application/problem+json"
OPENAI_PATHS = re.compile(r"/v1(/.*)?", re.DOTALL)
MAX_FIELDS = 20
MAX_NAME_LENGTH = 100

_STATUS: Mapping[type[ImagingError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.ContentBlocked: HTTPStatus.BAD_REQUEST,
    errors.Misconfigured: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.BudgetExhausted: HTTPStatus.PAYMENT_REQUIRED,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    openai.ModelNotFound: HTTPStatus.NOT_FOUND,
    errors.NotCancellable: HTTPStatus.CONFLICT,
    errors.Cancelled: HTTPStatus.CONFLICT,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InProgress: HTTPStatus.CONFLICT,
    errors.Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyJobs: HTTPStatus.TOO_MANY_REQUESTS,
    errors.ModelAccessDenied: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ModelError: HTTPStatus.BAD_GATEWAY,
    errors.ModelUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DependencyUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorageFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TimedOut: HTTPStatus.GATEWAY_TIMEOUT,
}

STATUS_BY_CODE = {error.code: status for error, status in _STATUS.items()}

_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""The reason phrases of RFC 9110; Python has them since 3.13."""


def phrase(status: HTTPStatus) -> str:
    return _PHRASES.get(status, status.phrase)


class ProblemField(BaseModel):
    """A broken rule, and the field that breaks it."""

    field: str = Field(description="The field's name.")
    message: str = Field(description="The rule that is broken.")


class ProblemAttempt(BaseModel):
    """A model that was asked, and the code of what it answered."""

    model: str = Field(description="The model's id.")
    code: str = Field(description="The code of its error.")


class Problem(BaseModel):
    """A problem document (RFC 9457). Match on `code`; `detail` says what happened and what to do."""

    type: str = Field("about:blank", description="Always about:blank: the code says more.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, and what to do.")
    instance: str = Field(description="The request's path.")
    code: str = Field(description="To match on.")
    request_id: str = Field(description="For the operator, to find the request in the logs.")
    aws_error: str | None = Field(None, description="The name of AWS's exception, if AWS raised one.")
    errors: list[ProblemField] | None = Field(None, description="Each broken rule of an invalid request.")
    attempts: list[ProblemAttempt] | None = Field(None, description="The models called, each with its error's code.")


def invalid_request(found: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """The error for pydantic's findings. It names each field and its rule, and never repeats a value."""
    fields = [FieldError(_path(error["loc"])[:MAX_NAME_LENGTH], _rule(error)) for error in found[:MAX_FIELDS]]
    details = "; ".join(f"{error.field}: {error.message}" for error in fields)
    more = f"; and {len(found) - MAX_FIELDS} more" if len(found) > MAX_FIELDS else ""
    return InvalidRequest(f"The request is not valid. {details}{more}", fields=fields)


def _path(location: Sequence[str | int]) -> str:
    inside = location[1:] if location[:1] in (("body",), ("query",)) else location
    return ".".join(str(part) for part in inside) or "body"


def _rule(error: Mapping[str, Any]) -> str:
    if error["loc"] in ((), ("body",)):
        return "Send a JSON object"
    if error["type"] == "extra_forbidden":
        return "There is no such field"
    return str(error["msg"]).removeprefix("Value error, ")


def handle(app: APIGatewayRestResolver) -> None:
    """Registers a handler for every error that a route can raise."""
    handlers: Mapping[type[Exception], Callable[..., Response[str]]] = {
        ImagingError: _imaging_error,
        RequestValidationError: _validation_error,
        NotFoundError: _unknown_path,
        MethodNotAllowed: _wrong_method,
        UnicodeDecodeError: _not_utf8,
        BucketError: _no_link,
        Exception: _bug,
    }
    for error, handler in handlers.items():
        app.exception_handler(error)(partial(handler, app))


@dataclass(frozen=True)
class _Failure:
    status: HTTPStatus
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    is_retryable: bool = False
    aws_error: str | None = None
    errors: Sequence[FieldError] = ()
    attempts: Sequence[ModelFailure] = ()


def _respond(app: APIGatewayRestResolver, failure: _Failure) -> Response[str]:
    if OPENAI_PATHS.fullmatch(app.current_event.path):
        return _as_openai_error(failure)
    return _as_problem(app, failure)


def _as_problem(app: APIGatewayRestResolver, failure: _Failure) -> Response[str]:
    document = Problem(
        title=phrase(failure.status),
        status=failure.status,
        detail=failure.detail,
        instance=app.current_event.path,
        code=failure.code,
        request_id=app.context["request_id"],
        aws_error=failure.aws_error,
        errors=[ProblemField(**asdict(error)) for error in failure.errors] or None,
        attempts=[ProblemAttempt(**asdict(attempt)) for attempt in failure.attempts] or None,
    )
    text = document.model_dump_json(exclude_none=True)
    return Response(failure.status, CONTENT_TYPE, text, headers=dict(failure.headers))


_REJECTED = "Your request was rejected as a result of the safety system. "
"""The words by which LiteLLM and others recognise a content filter's refusal."""


def _as_openai_error(failure: _Failure) -> Response[str]:
    error = openai_answers.OpenAiError(
        message=_REJECTED + failure.detail if failure.code == errors.ContentBlocked.code else failure.detail,
        type="server_error" if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error",
        param=openai.FIELDS.get(failure.errors[0].field, failure.errors[0].field) if failure.errors else None,
        code=openai.CODES.get(failure.code, failure.code),
    )
    # OpenAI's clients retry by the status alone, unless x-should-retry says that a retry will not help or pays again.
    headers = dict(failure.headers) if failure.is_retryable else {**failure.headers, "x-should-retry": "false"}
    body = openai_answers.OpenAiErrorBody(error=error)
    return Response(failure.status, "application/json", body.model_dump_json(), headers=headers)


def _imaging_error(app: APIGatewayRestResolver, error: ImagingError) -> Response[str]:
    log_failure(error)
    return _respond(
        app,
        _Failure(
            _STATUS[type(error)],
            error.code,
            error.detail,
            headers=_headers(app, error),
            is_retryable=error.may_pass and not error.was_paid,
            aws_error=error.aws_error,
            errors=error.fields,
            attempts=error.attempts,
        ),
    )


def log_failure(error: ImagingError) -> None:
    log = logger.info if isinstance(error, errors.CallerMustChange) else logger.warning
    log("The request failed", code=error.code, aws_error=error.aws_error)


def _headers(app: APIGatewayRestResolver, error: ImagingError) -> dict[str, str]:
    retry_after = error.retry_after_seconds
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if isinstance(error, errors.InProgress) and error.job_id:
        headers["Location"] = job_address(app.current_event, error.job_id)
    return headers


def _validation_error(app: APIGatewayRestResolver, error: RequestValidationError) -> Response[str]:
    if any(found["loc"][0] == "response" for found in error.errors()):
        return _bug(app, error)  # Powertools raises the same error for an answer that breaks its schema
    return _imaging_error(app, invalid_request(error.errors()))


def _not_utf8(app: APIGatewayRestResolver, _: UnicodeDecodeError) -> Response[str]:
    return _imaging_error(app, InvalidRequest("The body is not UTF-8. Send a JSON object."))


def _no_link(app: APIGatewayRestResolver, error: BucketError) -> Response[str]:
    return _imaging_error(app, no_link(error))


def no_link(error: BucketError) -> errors.DependencyUnavailable:
    return errors.DependencyUnavailable(
        "No link to an image could be made. What was made is stored: send the same request again.", aws_error=error.code
    )


def _unknown_path(app: APIGatewayRestResolver, _: NotFoundError) -> Response[str]:
    detail = "There is nothing at this path. Check the address; openapi.json, where it is served, lists what there is."
    return _respond(app, _Failure(HTTPStatus.NOT_FOUND, "not_found", detail))


def _wrong_method(app: APIGatewayRestResolver, error: "MethodNotAllowed") -> Response[str]:
    detail = f"This path answers {' and '.join(error.allowed)} only."
    headers = {"Allow": ", ".join(error.allowed)}
    return _respond(app, _Failure(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers))


def _bug(app: APIGatewayRestResolver, error: Exception) -> Response[str]:
    log_bug(error)
    return _imaging_error(app, errors.InternalError())


class MethodNotAllowed(Exception):
    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__()
        self.allowed = allowed
