"""From what went wrong to a problem document (RFC 9457)."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from imaging import errors
from imaging.errors import FieldError, ImagingError, InvalidRequest
from observability import logger

CONTENT_TYPE = "application/problem+json"

_STATUS: Mapping[type[ImagingError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.ContentBlocked: HTTPStatus.BAD_REQUEST,
    errors.BudgetExhausted: HTTPStatus.PAYMENT_REQUIRED,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NotCancellable: HTTPStatus.CONFLICT,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InProgress: HTTPStatus.CONFLICT,
    errors.Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    errors.ModelAccessDenied: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ModelError: HTTPStatus.BAD_GATEWAY,
    errors.ModelUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DependencyUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorageFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TimedOut: HTTPStatus.GATEWAY_TIMEOUT,
}

STATUS_BY_CODE = {error.code: status for error, status in _STATUS.items()}


class ProblemField(BaseModel):
    field: str
    message: str


class ProblemAttempt(BaseModel):
    model: str
    code: str


class Problem(BaseModel):
    """A problem document: `code` is what to match on, `detail` says what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    aws_error: str | None = Field(None, description="The AWS exception's name, where AWS said it.")
    errors: list[ProblemField] | None = Field(None, description="Each broken rule of an invalid request.")
    attempts: list[ProblemAttempt] | None = Field(None, description="Each model that was asked, and how it ended.")


def invalid_request(found: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """The error for what pydantic found; names each field and its rule, and repeats no value."""
    fields = [FieldError(_path(error["loc"]), _rule(error)) for error in found]
    told = "; ".join(f"{error.field}: {error.message}" for error in fields)
    return InvalidRequest(f"The request is not valid. {told}", fields=fields)


def _path(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location if part not in {"body", "query"}) or "body"


def _rule(error: Mapping[str, Any]) -> str:
    if _path(error["loc"]) == "body":
        return "Send a JSON object"
    if error["type"] == "extra_forbidden":
        return "There is no such field"
    return str(error["msg"]).removeprefix("Value error, ")


def handle(app: APIGatewayRestResolver) -> None:
    """Makes every error of the app a problem document."""
    handlers: Mapping[type[Exception], Callable[..., Response[str]]] = {
        ImagingError: _imaging_error,
        RequestValidationError: _validation_error,
        NotFoundError: _unknown_path,
        MethodNotAllowed: _wrong_method,
        Exception: _bug,
    }
    for error, handler in handlers.items():
        app.exception_handler(error)(partial(handler, app))


def _problem(
    app: APIGatewayRestResolver,
    status: HTTPStatus,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **more: Any,  # noqa: ANN401 - the problem's further members
) -> Response[str]:
    document = Problem(
        title=status.phrase,
        status=status,
        detail=detail,
        instance=app.current_event.path,
        code=code,
        request_id=app.context["request_id"],
        **more,
    )
    return Response(status, CONTENT_TYPE, document.model_dump_json(exclude_none=True), headers=dict(headers or {}))


def _imaging_error(app: APIGatewayRestResolver, error: ImagingError) -> Response[str]:
    log = logger.info if isinstance(error, errors.CallerMustChange) else logger.warning
    log("The request failed", code=error.code, aws_error=error.aws_error)
    return _problem(
        app,
        _STATUS[type(error)],
        error.code,
        error.detail,
        headers=_headers(error),
        aws_error=error.aws_error,
        attempts=[asdict(attempt) for attempt in error.attempts] or None,
        errors=[asdict(field) for field in getattr(error, "fields", ())] or None,
    )


def _headers(error: ImagingError) -> dict[str, str]:
    told = {"Retry-After": error.retry_after_seconds, "Location": getattr(error, "location", None)}
    return {name: str(value) for name, value in told.items() if value is not None}


def _validation_error(app: APIGatewayRestResolver, error: RequestValidationError) -> Response[str]:
    if any(found["loc"][0] == "response" for found in error.errors()):
        return _bug(app, error)  # Powertools raises the same for an answer of ours that breaks its own schema
    return _imaging_error(app, invalid_request(error.errors()))


def _unknown_path(app: APIGatewayRestResolver, _: NotFoundError) -> Response[str]:
    return _problem(
        app, HTTPStatus.NOT_FOUND, "not_found", "There is nothing at this path. See openapi.json for what is."
    )


def _wrong_method(app: APIGatewayRestResolver, error: "MethodNotAllowed") -> Response[str]:
    detail = f"This path answers {' and '.join(error.allowed)} only."
    return _problem(
        app, HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers={"Allow": ", ".join(error.allowed)}
    )


def _bug(app: APIGatewayRestResolver, error: Exception) -> Response[str]:
    log_bug(error)
    return _problem(
        app,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "A fault in the service. Send the request again; if it keeps failing, tell the operator the request id.",
    )


class MethodNotAllowed(Exception):
    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__()
        self.allowed = allowed


def log_bug(error: Exception) -> None:
    """Logs where a bug struck, without the exception's own words: those may quote the request."""
    logger.error("A bug", exception_name=type(error).__name__, stack=traceback.format_tb(error.__traceback__))
