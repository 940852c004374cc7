"""What Bedrock's exceptions mean for a caller: each code's place in the tree of errors, and the remedy.

Codes and their HTTP status: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from collections.abc import Callable

from aws.bedrock import BedrockError
from imaging.errors import (
    ContentBlocked,
    ImagingError,
    InvalidRequest,
    ModelAccessDenied,
    ModelError,
    ModelUnavailable,
    Throttled,
    TimedOut,
)
from imaging.models.catalog import Model

CONTENT_REMEDY = "Make the prompt clearer, try another seed, or adjust cfg_scale."


def explain(error: BedrockError, model: Model) -> ImagingError:
    """The error to answer with, for what Bedrock said when `model` was called."""
    explained = _BY_CODE.get(error.code, _unknown)(error, model)
    explained.may_be_billed = error.may_be_billed
    return explained


def _invalid(error: BedrockError, model: Model) -> ImagingError:
    if model.schema.blocked(error.message):
        return ContentBlocked(
            f"The content filter of {model.id} refused the prompt. {CONTENT_REMEDY}", aws_error=error.code
        )
    return InvalidRequest(
        f"{model.id} refused the request. Check the text prompt's length and format, and that the image's dimensions "
        "are within the limits.",
        aws_error=error.code,
    )


def _denied(error: BedrockError, model: Model) -> ImagingError:
    return ModelAccessDenied(
        f"Amazon Bedrock denied access to {model.id}. {_access_remedy(error, model)}", aws_error=error.code
    )


def _access_remedy(error: BedrockError, model: Model) -> str:
    # Three causes share one exception; the class is the same for all, only the advice follows the words.
    if "not authorized to perform: bedrock:" in error.message:
        return "The function's credentials lack a permission: its role must allow bedrock:InvokeModel on this model."
    if "Marketplace" in error.message:
        return (
            "The account's AWS Marketplace subscription for this model is missing or incomplete: an administrator must "
            "invoke the model once, with aws-marketplace:Subscribe and ViewSubscriptions and a valid payment method."
        )
    subscription = " and that its AWS Marketplace subscription is complete" if model.from_marketplace else ""
    return (
        "Verify the credentials and permissions, check that Bedrock is enabled in the region and that the account has "
        f"access to the model{subscription}."
    )


def _throttled(error: BedrockError, model: Model) -> ImagingError:
    return Throttled(
        f"The account's Bedrock quota for {model.id} is used up for now. Send the request again later; if it happens "
        "often, check your AWS service quotas and reduce the number of concurrent requests.",
        aws_error=error.code,
    )


def _gone(error: BedrockError, model: Model) -> ImagingError:
    return ModelUnavailable(
        f"{model.id} has reached its end of life, or is Legacy and closed to this account. List a model that lives in "
        "StandardModels or PremiumModels, or name one in the request.",
        aws_error=error.code,
    )


def _not_now(error: BedrockError, model: Model) -> ImagingError:
    return ModelUnavailable(
        f"{model.id} cannot answer at the moment. Send the request again later.",
        may_pass=True,
        aws_error=error.code,
    )


def _too_slow(error: BedrockError, model: Model) -> ImagingError:
    return TimedOut(
        f"{model.id} did not answer in time. Ask for fewer images, or use a faster model.",
        aws_error=error.code,
    )


def _failed(error: BedrockError, model: Model) -> ImagingError:
    return ModelError(
        f"{model.id} failed while it made the image. Send the request again; if it keeps failing, try another seed.",
        aws_error=error.code,
    )


def _unknown(error: BedrockError, model: Model) -> ImagingError:
    return ModelError(
        f"{model.id} answered with an error that is not known here. Send the request again.",
        aws_error=error.code,
    )


_BY_CODE: dict[str, Callable[[BedrockError, Model], ImagingError]] = {
    "ValidationException": _invalid,
    "AccessDeniedException": _denied,
    "UnrecognizedClientException": _denied,
    "InvalidSignatureException": _denied,
    "ExpiredTokenException": _denied,
    BedrockError.NO_CREDENTIALS: _denied,
    "ThrottlingException": _throttled,
    "ServiceQuotaExceededException": _throttled,
    "ResourceNotFoundException": _gone,
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
