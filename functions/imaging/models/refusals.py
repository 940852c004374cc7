"""Maps Bedrock's exceptions to our errors, each with its remedy.

Codes and their HTTP status: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from collections.abc import Callable

from aws.bedrock import BedrockError
from imaging.errors import (
    ContentBlocked,
    Facts,
    ImagingError,
    InvalidRequest,
    Misconfigured,
    ModelAccessDenied,
    ModelError,
    ModelUnavailable,
    Throttled,
    TimedOut,
)
from imaging.models.catalog import Model

CONTENT_REMEDY = "Make the prompt clearer, try another seed, or adjust cfg_scale."


def explain(error: BedrockError, model: Model) -> ImagingError:
    """The error to answer with after a failed call of `model`."""
    return _BY_CODE.get(error.code, _unknown)(model, error)


def _facts(error: BedrockError) -> Facts:
    return {"aws_error": error.code, "may_be_billed": error.may_be_billed}


_NO_SUCH_GUARDRAIL = ("guardrail identifier or version provided", "provided guardrail identifier")
"""Bedrock has no exception for it."""


def _invalid(model: Model, error: BedrockError) -> ImagingError:
    if any(words in error.message for words in _NO_SUCH_GUARDRAIL):
        return Misconfigured(
            "Amazon Bedrock does not know the stack's guardrail in that region. The operator must correct GuardrailId, "
            "GuardrailVersion or GuardrailRegion.",
            **_facts(error),
        )
    if model.schema.blocked(error.message):
        return ContentBlocked(f"The content filter of {model.id} refused the prompt. {CONTENT_REMEDY}", **_facts(error))
    return InvalidRequest(
        f"{model.id} refused the request. Check the text prompt's length and format, and that the image's dimensions "
        "are within the limits.",
        **_facts(error),
    )


def _denied(model: Model, error: BedrockError) -> ImagingError:
    return ModelAccessDenied(
        f"Amazon Bedrock denied access to {model.id}. {_access_remedy(model, error.message)}", **_facts(error)
    )


def _access_remedy(model: Model, message: str) -> str:
    # Three causes share AccessDeniedException. Its text only picks the advice, never the error class.
    if "not authorized to perform: bedrock:ApplyGuardrail" in message:
        return (
            "The function's credentials lack a permission: its role must allow bedrock:ApplyGuardrail on the guardrail."
        )
    if "not authorized to perform: bedrock:" in message:
        return "The function's credentials lack a permission: its role must allow bedrock:InvokeModel on this model."
    if "Marketplace" in message:
        return (
            "The account's AWS Marketplace subscription for this model is missing or incomplete: an administrator must "
            "invoke the model once, with aws-marketplace:Subscribe and ViewSubscriptions and a valid payment method."
        )
    subscription = " and that its AWS Marketplace subscription is complete" if model.from_marketplace else ""
    return (
        "Verify the credentials and permissions, check that Bedrock is enabled in the region and that the account has "
        f"access to the model{subscription}."
    )


def _throttled(model: Model, error: BedrockError) -> ImagingError:
    return Throttled(
        f"The account's Bedrock quota for {model.id} is used up for now. Send the request again later; if it happens "
        "often, check your AWS service quotas and reduce the number of concurrent requests.",
        **_facts(error),
    )


def _gone(model: Model, error: BedrockError) -> ImagingError:
    return ModelUnavailable(
        f"{model.id} has reached its end of life, or is Legacy and closed to this account. List a model that lives in "
        "StandardModels or PremiumModels, or name one in the request.",
        **_facts(error),
    )


def _unguarded(model: Model, error: BedrockError) -> ImagingError:
    return ModelUnavailable(
        f"{model.id} was not called, because the stack's guardrail is not in a region where it can be called. List a "
        "model that can be called in the guardrail's region, or name one in the request.",
        **_facts(error),
    )


def _not_now(model: Model, error: BedrockError) -> ImagingError:
    detail = f"{model.id} cannot answer at the moment. Send the request again later."
    return ModelUnavailable(detail, **(_facts(error) | {"may_pass": True}))


def _too_slow(model: Model, error: BedrockError) -> ImagingError:
    return TimedOut(f"{model.id} did not answer in time. Ask for fewer images, or use a faster model.", **_facts(error))


def _failed(model: Model, error: BedrockError) -> ImagingError:
    return ModelError(
        f"{model.id} failed while it made the image. Send the request again; if it keeps failing, try another seed.",
        **_facts(error),
    )


def _unknown(model: Model, error: BedrockError) -> ImagingError:
    return ModelError(
        f"{model.id} answered with an error that is not known here. Send the request again.", **_facts(error)
    )


_BY_CODE: dict[str, Callable[[Model, BedrockError], ImagingError]] = {
    "ValidationException": _invalid,
    "AccessDeniedException": _denied,
    "UnrecognizedClientException": _denied,
    "InvalidSignatureException": _denied,
    "ExpiredTokenException": _denied,
    BedrockError.NO_CREDENTIALS: _denied,
    "ThrottlingException": _throttled,
    "ServiceQuotaExceededException": _throttled,
    "ResourceNotFoundException": _gone,
    BedrockError.UNGUARDED: _unguarded,
    "ModelNotReadyException": _not_now,
    "ServiceUnavailableException": _not_now,
    BedrockError.UNREACHABLE: _not_now,
    "ModelTimeoutException": _too_slow,
    BedrockError.READ_TIMEOUT: _too_slow,
    "ModelErrorException": _failed,
    "InternalServerException": _failed,
    BedrockError.CONNECTION_LOST: _failed,
    BedrockError.UNREADABLE: _failed,
}
