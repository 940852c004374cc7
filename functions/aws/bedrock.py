"""Calls models on Amazon Bedrock. A call that may have been billed is never retried."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
)
from urllib3.exceptions import HTTPError

from aws import clients
from aws.errors import ServiceError, raising

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from types_boto3_bedrock_runtime import BedrockRuntimeClient

SecondsLeft = Callable[[], float]

# Creating a client is not thread-safe, and a cold start's first model calls run in parallel.
_making_clients = Lock()

_NOT_CONNECTED = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
"""The errors after which the request was certainly not sent. After a TLS error, for example, it may have been read."""

_seconds_left: ContextVar[SecondsLeft] = ContextVar("seconds_left")


class BedrockError(ServiceError):
    """A failed model call. `code` is AWS's exception name, or one of the names below."""

    READ_TIMEOUT = "ReadTimeout"
    CONNECTION_LOST = "ConnectionLost"
    UNREACHABLE = "Unreachable"
    NO_CREDENTIALS = "NoCredentials"
    UNREADABLE = "UnreadableAnswer"
    UNGUARDED = "NoGuardrail"

    @classmethod
    def code_of(cls, error: BotoCoreError) -> str:
        if isinstance(error, ReadTimeoutError):
            return cls.READ_TIMEOUT
        if isinstance(error, NoCredentialsError):
            return cls.NO_CREDENTIALS
        return cls.UNREACHABLE if isinstance(error, _NOT_CONNECTED) else cls.CONNECTION_LOST

    @property
    def may_be_billed(self) -> bool:
        return self.code not in _NOT_BILLED

    @property
    def loggable_message(self) -> str | None:
        """The message, if it cannot quote a prompt, a token or a signature."""
        return self.message if self.code in _LOGGABLE else None


_LOGGABLE = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "ThrottlingException",
    "ServiceQuotaExceededException",
    "ResourceNotFoundException",
    "ModelNotReadyException",
    "ServiceUnavailableException",
    "ModelTimeoutException",
    BedrockError.UNREACHABLE,
    BedrockError.READ_TIMEOUT,
    BedrockError.NO_CREDENTIALS,
    BedrockError.UNGUARDED,
}

_NOT_BILLED = {
    "ValidationException",
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "ThrottlingException",
    "ServiceQuotaExceededException",
    "ResourceNotFoundException",
    "ModelNotReadyException",
    "ServiceUnavailableException",
    BedrockError.UNREACHABLE,
    BedrockError.NO_CREDENTIALS,
    BedrockError.UNGUARDED,
}
"""Errors after which no model ran. Any other error may be billed: it counts as spent and is not retried."""


@dataclass(frozen=True)
class Answer:
    """A model's answer as JSON values, Bedrock's request id, and the guardrail that intervened, if one did."""

    content: Mapping[str, Any]
    request_id: str | None
    guardrail: str | None = None


@dataclass(frozen=True)
class Guardrail:
    """A guardrail lives in one region, and Bedrock applies it to calls in that region only."""

    id: str
    version: str
    region: str

    @property
    def arguments(self) -> Mapping[str, str]:
        # A trace would quote the prompt.
        return {"guardrailIdentifier": self.id, "guardrailVersion": self.version, "trace": "DISABLED"}


def invoke(
    model: str, region: str, body: Mapping[str, Any], seconds_left: SecondsLeft, guardrail: Guardrail | None = None
) -> Answer:
    """One InvokeModel call, under the guardrail if there is one.

    `model` is a model id or an inference profile's ARN. `seconds_left` is called before each attempt of the SDK and
    returns its read time-out in seconds. The SDK retries errors that certainly were not billed and may pass, such as
    throttling. Raises BedrockError.
    """
    if guardrail and guardrail.region != region:
        raise BedrockError(BedrockError.UNGUARDED, f"The guardrail is in {guardrail.region}.")
    token = _seconds_left.set(seconds_left)
    try:
        with _as_bedrock_error():
            answer = prepare(region).invoke_model(
                modelId=model,
                body=json.dumps(body),
                contentType="application/json",
                accept="application/json",
                **(guardrail.arguments if guardrail else {}),  # type: ignore[arg-type] # the stubs want literals
            )
            content = json.loads(answer["body"].read())
            if not isinstance(content, dict):
                raise ValueError("the answer is no JSON object")  # noqa: TRY004 - handled like invalid JSON
            intervened = guardrail is not None and content.get("amazon-bedrock-guardrailAction") == "INTERVENED"
            request_id = answer["ResponseMetadata"].get("RequestId")
            return Answer(content, request_id, guardrail.id if guardrail and intervened else None)
    finally:
        _seconds_left.reset(token)


def prepare(region: str) -> "BedrockRuntimeClient":
    """The client of `invoke`, made once."""
    with _making_clients:
        return _client(region)


def prompts_are_logged(region: str) -> bool:
    """Whether the account logs the prompts and images of model calls in that region. Raises BedrockError."""
    with _as_bedrock_error():
        answer = clients.bedrock(region).get_model_invocation_logging_configuration()
        return bool(answer.get("loggingConfig"))


@dataclass(frozen=True)
class ModelStatus:
    """What Bedrock says of a model: `status` is ACTIVE, LEGACY, or RETIRED where Bedrock does not know it any more.
    `is_available` says whether this account may call it in that region."""

    RETIRED: ClassVar = "RETIRED"

    status: str
    is_available: bool
    end_of_life: datetime | None


def model_status(model_id: str, region: str) -> ModelStatus:
    """GetFoundationModel and GetFoundationModelAvailability. Raises BedrockError."""
    try:
        with _as_bedrock_error():
            lifecycle = (
                clients.bedrock(region)
                .get_foundation_model(modelIdentifier=model_id)["modelDetails"]
                .get("modelLifecycle", {})
            )
            availability = clients.bedrock(region).get_foundation_model_availability(modelId=model_id)
    except BedrockError as error:
        if error.code not in {"ResourceNotFoundException", "ValidationException"}:
            raise
        return ModelStatus(ModelStatus.RETIRED, is_available=False, end_of_life=None)
    is_available = (
        availability["authorizationStatus"] == "AUTHORIZED"
        and availability["entitlementAvailability"] == "AVAILABLE"
        and availability["regionAvailability"] == "AVAILABLE"
        and availability["agreementAvailability"]["status"] == "AVAILABLE"
    )
    return ModelStatus(lifecycle.get("status", "ACTIVE"), is_available, lifecycle.get("endOfLifeTime"))


@cache
def _client(region: str) -> "BedrockRuntimeClient":
    client = clients.bedrock_runtime(region)
    client.meta.events.register("request-created.bedrock-runtime.InvokeModel", _limit_time)
    client.meta.events.register_first(
        "needs-retry.bedrock-runtime.InvokeModel",
        _refuse_second_bill,  # type: ignore[arg-type] # the stubs omit that a handler may return a value
    )
    return client


def _limit_time(request: "AWSRequest", **_: object) -> None:
    request.context["read_timeout"] = max(_seconds_left.get()(), 0.001)


def _refuse_second_bill(
    response: tuple[object, Mapping[str, Any]] | None, caught_exception: Exception | None, **_: object
) -> bool | None:
    """Ends the SDK's retries by returning False, unless the attempt certainly was not billed."""
    if response is None:
        return None if isinstance(caught_exception, _NOT_CONNECTED) else False
    return None if response[1].get("Error", {}).get("Code") in _NOT_BILLED else False


@contextmanager
def _as_bedrock_error() -> Iterator[None]:
    try:
        with raising(BedrockError):
            yield
    except HTTPError as error:
        raise BedrockError(BedrockError.CONNECTION_LOST, str(error)) from error
    except ValueError as error:
        raise BedrockError(BedrockError.UNREADABLE, str(error)) from error
