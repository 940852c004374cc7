"""What can go wrong for somebody who asks the API for images.

ImagesError             `detail` says what happened, `remedy` what to do
├── YouMustChange       the same request will be refused again
│   ├── InvalidRequest
│   ├── ContentBlocked
│   ├── BudgetExhausted
│   ├── Unauthorized
│   ├── KeyReused
│   ├── NotFound
│   ├── NotCancellable
│   ├── NotConfigured   no address or no key was given
│   └── Cancelled       the job was stopped while it was queued
├── MayPass             the same request may succeed later, and an image that exists costs nothing again
│   ├── Throttled
│   ├── InProgress
│   ├── ModelError
│   ├── ModelUnavailable
│   ├── ServiceFailed
│   ├── TimedOut
│   ├── TookTooLong     patience ended before the job did; `job_id` finds it again
│   └── Unreachable
│       └── Silent      it may have heard the request; nothing is paid twice
└── OperatorMustAct     whoever deployed the API has to look
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRY_AGAIN = "Try again in a moment; nothing that was made already is paid for twice."


class ImagesError(Exception):
    code = "error"
    remedy = "Give the request id to whoever runs the API."
    job_is_over = False
    """The job itself failed: asking again takes a new idempotency key."""

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
        self.remedy = remedy or self.remedy
        self.code = code or self.code
        self.status = status
        self.request_id = request_id
        self.errors = errors
        self.retry_after = retry_after

    def __str__(self) -> str:
        known_by = f" (request id {self.request_id})" if self.request_id else ""
        return f"{self.detail} {self.remedy}{known_by}"


class YouMustChange(ImagesError):
    pass


class InvalidRequest(YouMustChange):
    code = "invalid_request"
    remedy = "Check the length of the prompt, and that width and height are between 512 and 1024."


class ContentBlocked(YouMustChange):
    code = "content_blocked"
    remedy = "Make the prompt clearer, try a different seed, or adjust the CFG scale."


class BudgetExhausted(YouMustChange):
    code = "budget_exhausted"
    remedy = "The cap is lifted next month, or by whoever runs the API."


class Unauthorized(YouMustChange):
    code = "unauthorized"
    remedy = "Check the API key that this program was started with."


class KeyReused(YouMustChange):
    code = "key_reused"
    remedy = "Send a changed request with an idempotency key of its own."


class NotFound(YouMustChange):
    code = "not_found"
    remedy = "Check the address; jobs and images are forgotten after a while, and belong to the key that made them."


class NotCancellable(YouMustChange):
    code = "not_cancellable"
    remedy = "Wait for the result: it has begun, or is over."


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
    remedy = "Wait a little, reduce the number of concurrent requests, or check your AWS service quotas."


class InProgress(MayPass):
    code = "in_progress"


class ModelError(MayPass):
    code = "model_error"
    remedy = "Try again, or try another seed."


class ModelUnavailable(MayPass):
    code = "model_unavailable"
    remedy = "Choose another model, or try again later."


class ServiceFailed(MayPass):
    code = "service_failed"


class TimedOut(MayPass):
    code = "timed_out"
    remedy = "Ask for fewer images, or try again."


class TookTooLong(MayPass):
    code = "took_too_long"
    remedy = "The job goes on; look for it again a little later."

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
    remedy = "Verify the AWS credentials and permissions, and that Bedrock is enabled in the region."


_BY_CODE: Mapping[str, type[ImagesError]] = {
    error.code: error
    for error in (
        *(InvalidRequest, ContentBlocked, BudgetExhausted, Unauthorized, KeyReused, NotFound, NotCancellable),
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
    """The error that a problem document tells of; a document of somebody else's is told by its status."""
    code = str(problem.get("code") or "")
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, ImagesError)
    return kind(
        str(problem.get("detail") or f"The API answered with status {status}."),
        code=code or None,
        status=status,
        request_id=request_id or problem.get("request_id"),
        errors=tuple((str(error["field"]), str(error["message"])) for error in problem.get("errors") or ()),
        retry_after=retry_after,
    )
