"""The errors that the client raises.

ImagesError             `detail` says what happened, and for the API's own errors what to do as well
├── YouMustChange       the same request will be refused again
│   ├── InvalidRequest
│   ├── ContentBlocked
│   ├── BudgetExhausted
│   ├── Unauthorized
│   ├── KeyReused
│   ├── NotFound
│   ├── NotCancellable
│   ├── NotConfigured   no address or no key was given
│   └── Cancelled       the job was cancelled before it made an image
├── MayPass             a retry may succeed, and existing images are never charged again
│   ├── Throttled
│   ├── InProgress
│   ├── ModelError
│   ├── ModelUnavailable
│   ├── ServiceFailed
│   ├── TimedOut
│   ├── TookTooLong     the client stopped waiting before the job ended; `job_id` finds it again
│   └── Unreachable
│       └── Silent      the API may have received the request; a retry is not charged twice
└── OperatorMustAct     the operator of the API has to act
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRY_AGAIN = "Try again in a moment; existing images are never charged again."


class ImagesError(Exception):
    code = "error"
    remedy = "Give the request id to whoever runs the API."
    """What to do. Empty if the API has said it in `detail`."""
    job_is_over = False
    """The job itself failed: a retry needs a new idempotency key."""
    idempotency_key: str | None = None
    """The key of the generation that failed: a retry with it pays nothing for images that exist."""

    def __init__(  # noqa: PLR0913 - the members of a problem document
        self,
        detail: str,
        *,
        remedy: str | None = None,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        errors: tuple[tuple[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = self.remedy if remedy is None else remedy
        self.code = code or self.code
        self.status = status
        self.request_id = request_id
        self.errors = errors
        self.retry_after = retry_after

    def __str__(self) -> str:
        request_id = f"(request id {self.request_id})" if self.request_id else ""
        return " ".join(filter(None, (self.detail, self.remedy, request_id)))


class YouMustChange(ImagesError):
    remedy = "Check the address of the API, and its key."


class InvalidRequest(YouMustChange):
    code = "invalid_request"


class ContentBlocked(YouMustChange):
    code = "content_blocked"


class BudgetExhausted(YouMustChange):
    code = "budget_exhausted"


class Unauthorized(YouMustChange):
    code = "unauthorized"


class KeyReused(YouMustChange):
    code = "key_reused"


class NotFound(YouMustChange):
    code = "not_found"
    remedy = "Check its id: jobs and images expire, and belong to the key that made them."


class NotCancellable(YouMustChange):
    code = "not_cancellable"


class NotConfigured(YouMustChange):
    code = "not_configured"
    remedy = (
        "Set API_URL and API_KEY in the environment or in .env, or API_KEY_SECRET_ARN for a key in Secrets Manager."
    )


class Cancelled(YouMustChange):
    code = "cancelled"
    remedy = "Nothing was charged; generate again whenever you like."


class MayPass(ImagesError):
    remedy = TRY_AGAIN


class Throttled(MayPass):
    code = "throttled"


class InProgress(MayPass):
    code = "in_progress"


class ModelError(MayPass):
    code = "model_error"


class ModelUnavailable(MayPass):
    code = "model_unavailable"


class ServiceFailed(MayPass):
    code = "service_failed"


class TimedOut(MayPass):
    code = "timed_out"


class TookTooLong(MayPass):
    code = "took_too_long"
    remedy = "The job continues; look for it again a little later."

    def __init__(self, detail: str, job_id: str) -> None:
        super().__init__(detail)
        self.job_id = job_id


class Unreachable(MayPass):
    code = "unreachable"
    remedy = "Check that the API is running and that its address is right, then try again."


class Silent(Unreachable):
    code = "silent"
    remedy = TRY_AGAIN


class OperatorMustAct(ImagesError):
    pass


_BY_CODE: Mapping[str, type[ImagesError]] = {
    error.code: error
    for error in (
        *(
            InvalidRequest,
            ContentBlocked,
            BudgetExhausted,
            Unauthorized,
            KeyReused,
            NotFound,
            NotCancellable,
            Cancelled,
        ),
        *(Throttled, InProgress, ModelError, ModelUnavailable, TimedOut),
    )
} | {
    "storage_failed": ServiceFailed,
    "dependency_unavailable": ServiceFailed,
    "model_access_denied": OperatorMustAct,
}
_BY_STATUS: Mapping[int, type[ImagesError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    429: Throttled,
    502: ServiceFailed,
    503: ServiceFailed,
    504: TimedOut,
}


def from_problem(
    problem: Mapping[str, Any], status: int, request_id: str | None = None, retry_after: float | None = None
) -> ImagesError:
    """Return the error of a problem document, or of another body's status."""
    code, detail = str(problem.get("code") or ""), str(problem.get("detail") or "")
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, ImagesError)
    return kind(
        detail or f"The API answered with status {status}.",
        remedy="" if detail else None,
        code=code or None,
        status=status,
        request_id=request_id or problem.get("request_id"),
        errors=tuple((str(error["field"]), str(error["message"])) for error in problem.get("errors") or ()),
        retry_after=retry_after,
    )
