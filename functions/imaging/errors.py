"""What can go wrong, drawn by whose turn it is.

ImagingError
├── CallerMustChange        the same request will be refused again
│   ├── InvalidRequest      a value breaks a rule of ours or of the model's
│   ├── ContentBlocked      the model's filter refused every image
│   ├── NotCancellable      the job has begun, or is over
│   ├── KeyReused           an Idempotency-Key came with another request
│   └── NotFound            there is no such thing, or it belongs to somebody else
├── MayPass                 the same request may succeed later
│   ├── Throttled           Bedrock's rate or quota is used up
│   ├── ModelError          the model failed, or answered without a usable picture
│   ├── InProgress          the same request is still being answered
│   ├── TimedOut            the model, or the time that is left here, was too slow
│   ├── StorageFailed       the images were made, and could not be kept
│   ├── DependencyUnavailable  the table did not answer, and nothing was paid
│   └── InternalError       a bug of ours
└── OperatorMustAct         the deployment or the account must change
    ├── Misconfigured       a parameter of the stack makes no sense
    ├── BudgetExhausted     the month's cap on spend would be passed
    ├── ModelAccessDenied   the role, the Marketplace subscription or the account stands in the way
    └── ModelUnavailable    no listed model answers: retired, not ready, or Bedrock is out of capacity

A class's name is part of the contract: a state machine catches by it. `code` is what clients match on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from aws.table import TableError


@dataclass(frozen=True)
class FieldError:
    """One broken rule: the field's path in the request, and the rule in words."""

    field: str
    message: str


@dataclass(frozen=True)
class Attempt:
    """A model that was asked, and the code of the error that it ended with."""

    model: str
    code: str


class ImagingError(Exception):
    """`detail` says what happened and what to do; `aws_error` is the AWS exception's name, where there was one.
    `may_be_billed` tells of a model call that it may have cost something although it brought no answer; `was_paid` that
    a picture was paid for and is lost, so that sending the request again pays anew."""

    code: ClassVar[str]
    may_pass: bool = False
    retry_after_seconds: int | None = None
    may_be_billed: bool = False
    was_paid: bool = False

    def __init__(self, detail: str, *, aws_error: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.aws_error = aws_error
        self.attempts: Sequence[Attempt] = ()


class CallerMustChange(ImagingError):
    pass


class InvalidRequest(CallerMustChange):
    code = "invalid_request"

    def __init__(self, detail: str, *, fields: Sequence[FieldError] = (), aws_error: str | None = None) -> None:
        super().__init__(detail, aws_error=aws_error)
        self.fields = fields


class ContentBlocked(CallerMustChange):
    code = "content_blocked"


class NotCancellable(CallerMustChange):
    code = "not_cancellable"


class KeyReused(CallerMustChange):
    code = "key_reused"


class NotFound(CallerMustChange):
    code = "not_found"


class MayPass(ImagingError):
    may_pass = True


class Throttled(MayPass):
    code = "throttled"
    retry_after_seconds = 10


class ModelError(MayPass):
    code = "model_error"


class InProgress(MayPass):
    """`job_id` is the job's that makes it, if it is one; `location` its address, which a door sets."""

    code = "in_progress"
    retry_after_seconds = 5
    job_id: str | None = None
    location: str | None = None


class TimedOut(MayPass):
    code = "timed_out"
    retry_after_seconds = 5


class StorageFailed(MayPass):
    code = "storage_failed"
    retry_after_seconds: int | None = 10


class DependencyUnavailable(MayPass):
    code = "dependency_unavailable"
    retry_after_seconds = 5


class InternalError(MayPass):
    code = "internal_error"

    def __init__(self) -> None:
        super().__init__(
            "A fault in the service. Send the request again; if it keeps failing, tell the operator the request id."
        )


class OperatorMustAct(ImagingError):
    pass


class Misconfigured(OperatorMustAct):
    code = "misconfigured"


class BudgetExhausted(OperatorMustAct):
    """`may_pass` is true while others' generations hold what they may not need in the end."""

    code = "budget_exhausted"

    def __init__(self, *, may_pass: bool = False, exceeds_cap: bool = False) -> None:
        if exceeds_cap:
            cause = "may cost more than a whole month's cap on spend"
            remedy = "It will be refused in any month: ask for fewer images or a cheaper model"
        elif may_pass:
            cause = "could pass the month's cap on spend"
            remedy = "Part of it is reserved for requests being answered now: send the request again in a little while"
        else:
            cause = "could pass the month's cap on spend"
            remedy = "Ask for fewer images, or wait for next month"
        super().__init__(
            f"This request {cause}, so nothing was generated or paid for it. "
            f"{remedy}, or ask the operator for a higher cap (MonthlyBudgetUsd, MonthlyBudgetPerKeyUsd)."
        )
        self.may_pass = may_pass and not exceeds_cap
        self.retry_after_seconds = 10 if self.may_pass else None


class ModelAccessDenied(OperatorMustAct):
    code = "model_access_denied"


class ModelUnavailable(OperatorMustAct):
    """`may_pass` is true where Bedrock itself calls the condition temporary."""

    code = "model_unavailable"

    def __init__(self, detail: str, *, may_pass: bool = False, aws_error: str | None = None) -> None:
        super().__init__(detail, aws_error=aws_error)
        self.may_pass = may_pass
        self.retry_after_seconds = 10 if may_pass else None


def recalled(code: str, detail: str, aws_error: str | None) -> ImagingError:
    """The error of an earlier attempt, raised again for the same request. A picture was paid for and is lost, so nobody
    is asked to retry."""
    kind = next(kind for kind in _leaves(ImagingError) if getattr(kind, "code", None) == code)
    error = kind.__new__(kind)
    ImagingError.__init__(error, detail, aws_error=aws_error)
    error.was_paid = True
    error.retry_after_seconds = None
    if isinstance(error, InvalidRequest):
        error.fields = ()
    return error


def table_down(error: TableError) -> DependencyUnavailable:
    return DependencyUnavailable("The table did not answer. Send the request again.", aws_error=error.code)


def _leaves(kind: type[ImagingError]) -> Iterator[type[ImagingError]]:
    for leaf in kind.__subclasses__():
        yield leaf
        yield from _leaves(leaf)
