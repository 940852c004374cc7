"""What can go wrong, grouped by who must act.

ImagingError
├── CallerMustChange        the same request will be refused again
│   ├── InvalidRequest      a value breaks a rule of the API or of the model
│   ├── ContentBlocked      the model's filter refused every image
│   ├── NotCancellable      the job has begun, or is over
│   ├── Cancelled           the job of the same request and key was cancelled
│   ├── KeyReused           an Idempotency-Key came with another request
│   └── NotFound            it does not exist, or belongs to another caller
├── MayPass                 the same request may succeed later
│   ├── Throttled           Bedrock's rate or quota is used up
│   ├── TooManyJobs         the key has as many open jobs as it may have
│   ├── ModelError          the model failed, or returned no usable image
│   ├── InProgress          the same request is still being answered
│   ├── TimedOut            the model was too slow, or the function's time ran out
│   ├── StorageFailed       the images were made, and could not be stored
│   ├── DependencyUnavailable  the table did not answer, and nothing was paid
│   └── InternalError       a bug
└── OperatorMustAct         the deployment or the account must change
    ├── Misconfigured       a stack parameter is invalid
    ├── BudgetExhausted     the month's spend cap would be exceeded
    ├── ModelAccessDenied   the role, the Marketplace subscription or the account lacks access
    └── ModelUnavailable    no listed model answers: retired, not ready, or Bedrock is out of capacity

Class names are part of the contract, because state machines catch them. Clients match on `code`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import ClassVar, Self, TypedDict, Unpack

from aws.table import TableError


@dataclass(frozen=True)
class FieldError:
    """One broken rule: the field's path in the request, and the rule in words."""

    field: str
    message: str


@dataclass(frozen=True)
class ModelFailure:
    """A model that was called, and the code of the error that it ended with."""

    model: str
    code: str


class Facts(TypedDict, total=False):
    """What every error can carry besides its detail."""

    aws_error: str | None
    may_pass: bool
    may_be_billed: bool
    was_paid: bool


_FAULT = "A fault in the service. Send the request again; if it keeps failing, tell the operator the request id."


class ImagingError(Exception):
    """`detail` says what happened and what to do; `aws_error` is the AWS exception's name, where there was one.

    `may_pass`: the same request may succeed later. `may_be_billed`: the failed model call may still be charged.
    `was_paid`: an image was paid for and is lost, so a retry pays again, and no Retry-After invites it.
    """

    code: ClassVar[str]
    may_pass: bool = False
    retry_seconds: ClassVar[int | None] = None
    fields: Sequence[FieldError] = ()
    attempts: Sequence[ModelFailure] = ()

    def __init__(self, detail: str, **facts: Unpack[Facts]) -> None:
        super().__init__(detail)
        self.detail = detail
        self.aws_error = facts.get("aws_error")
        self.may_pass = facts.get("may_pass", type(self).may_pass)
        self.may_be_billed = facts.get("may_be_billed", False)
        self.was_paid = facts.get("was_paid", False)

    @property
    def retry_after_seconds(self) -> int | None:
        """The value of Retry-After, if there is one."""
        return self.retry_seconds if self.may_pass and not self.was_paid else None

    def after(self, attempts: Sequence[ModelFailure]) -> Self:
        """The same error, with every model that was called before it was raised."""
        error = copy(self)
        error.attempts = attempts
        return error


class CallerMustChange(ImagingError):
    pass


class InvalidRequest(CallerMustChange):
    code = "invalid_request"

    def __init__(self, detail: str, *, fields: Sequence[FieldError] = (), **facts: Unpack[Facts]) -> None:
        super().__init__(detail, **facts)
        self.fields = fields


class ContentBlocked(CallerMustChange):
    code = "content_blocked"


class NotCancellable(CallerMustChange):
    code = "not_cancellable"


class Cancelled(CallerMustChange):
    code = "cancelled"


class KeyReused(CallerMustChange):
    code = "key_reused"


class NotFound(CallerMustChange):
    code = "not_found"


class MayPass(ImagingError):
    may_pass = True


class Throttled(MayPass):
    code = "throttled"
    retry_seconds = 10


class TooManyJobs(MayPass):
    code = "too_many_jobs"
    retry_seconds = 10


class ModelError(MayPass):
    code = "model_error"


class InProgress(MayPass):
    """`job_id` names the job that makes the images, if a job does."""

    code = "in_progress"
    retry_seconds = 5

    def __init__(self, detail: str, *, job_id: str | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(detail, **facts)
        self.job_id = job_id


class TimedOut(MayPass):
    code = "timed_out"
    retry_seconds = 5


class StorageFailed(MayPass):
    code = "storage_failed"
    retry_seconds = 10


class DependencyUnavailable(MayPass):
    code = "dependency_unavailable"
    retry_seconds = 5


class InternalError(MayPass):
    code = "internal_error"

    def __init__(self, detail: str = _FAULT, **facts: Unpack[Facts]) -> None:
        super().__init__(detail, **facts)


class OperatorMustAct(ImagingError):
    pass


class Misconfigured(OperatorMustAct):
    code = "misconfigured"


class BudgetExhausted(OperatorMustAct):
    """`may_pass` is true while other generations' reservations may be released."""

    code = "budget_exhausted"
    retry_seconds = 10

    @classmethod
    def by_cap(cls, *, may_pass: bool, exceeds_cap: bool) -> Self:
        """The refusal of a reservation; `exceeds_cap` where it is larger than a whole month's cap."""
        if exceeds_cap:
            cause = "may cost more than a whole month's cap on spend"
            remedy = "It will be refused in any month: ask for fewer images or a cheaper model"
        elif may_pass:
            cause = "could pass the month's cap on spend"
            remedy = "Part of it is reserved for requests being answered now: send the request again in a little while"
        else:
            cause = "could pass the month's cap on spend"
            remedy = "Ask for fewer images, or wait for next month"
        detail = (
            f"This request {cause}, so nothing was generated or paid for it. "
            f"{remedy}, or ask the operator for a higher cap (MonthlyBudgetUsd, MonthlyBudgetPerKeyUsd, or "
            "this key's own)."
        )
        return cls(detail, may_pass=may_pass and not exceeds_cap)


class ModelAccessDenied(OperatorMustAct):
    code = "model_access_denied"


class ModelUnavailable(OperatorMustAct):
    """`may_pass` is true where Bedrock itself calls the condition temporary."""

    code = "model_unavailable"
    retry_seconds = 10


def recalled(code: str, detail: str, aws_error: str | None) -> ImagingError:
    """The error of an earlier attempt, raised again for the same request; its image was paid for and is lost."""
    kind = next(kind for kind in _leaves(ImagingError) if getattr(kind, "code", None) == code)
    return kind(detail, aws_error=aws_error, was_paid=True)


@contextmanager
def table_needed() -> Iterator[None]:
    """Raises DependencyUnavailable where the table does not answer."""
    try:
        yield
    except TableError as error:
        raise table_down(error) from error


def table_down(error: TableError) -> DependencyUnavailable:
    return DependencyUnavailable("The table did not answer. Send the request again.", aws_error=error.code)


def _leaves(kind: type[ImagingError]) -> Iterator[type[ImagingError]]:
    for leaf in kind.__subclasses__():
        yield leaf
        yield from _leaves(leaf)
