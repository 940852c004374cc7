"""Calls models on Amazon Bedrock, and never sends a call again that may have been billed."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 - botocore's own name for what happens before a request is sent
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)

from aws import clients

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from types_boto3_bedrock_runtime import BedrockRuntimeClient

SecondsLeft = Callable[[], float]

# Making clients is not thread-safe, and the first images of a cold start are asked for side by side.
_making_clients = Lock()

_seconds_left: ContextVar[SecondsLeft] = ContextVar("seconds_left")


class BedrockError(Exception):
    """A call that brought no answer. `code` is AWS's exception name, or one of the names below."""

    READ_TIMEOUT = "ReadTimeout"
    CONNECTION_LOST = "ConnectionLost"
    UNREACHABLE = "Unreachable"
    NO_CREDENTIALS = "NoCredentials"
    UNREADABLE = "UnreadableAnswer"

    def __init__(self, code: str, message: str, request_id: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.request_id = request_id


@dataclass(frozen=True)
class Answer:
    """A model's answer, and the id under which Bedrock knows the call."""

    content: Mapping[str, Any]
    request_id: str | None


def invoke(model: str, region: str, body: Mapping[str, Any], seconds_left: SecondsLeft) -> Answer:
    """The model's answer to one InvokeModel call.

    `model` is a model id or an inference profile's ARN; `seconds_left` tells, before each attempt, how long it may
    take. Throttling and passing server errors are sent again by the SDK. Raises BedrockError.
    """
    token = _seconds_left.set(seconds_left)
    try:
        with _as_bedrock_error():
            with _making_clients:
                client = _client(region)
            answer = client.invoke_model(
                modelId=model,
                body=json.dumps(body),
                contentType="application/json",
                accept="application/json",
            )
            content = json.loads(answer["body"].read())
            if not isinstance(content, dict):
                raise ValueError("the answer is no JSON object")  # noqa: TRY004 - an answer that cannot be read, as bad JSON
            return Answer(content, answer["ResponseMetadata"].get("RequestId"))
    finally:
        _seconds_left.reset(token)


def prompts_are_logged(region: str) -> bool:
    """Whether the account keeps copies of prompts and images of that region. Raises BedrockError."""
    with _as_bedrock_error():
        answer = clients.bedrock(region).get_model_invocation_logging_configuration()
        return bool(answer.get("loggingConfig"))


@cache
def _client(region: str) -> "BedrockRuntimeClient":
    client = clients.bedrock_runtime(region)
    client.meta.events.register("request-created.bedrock-runtime.InvokeModel", _limit_time)
    client.meta.events.register_first("needs-retry.bedrock-runtime.InvokeModel", _refuse_second_bill)
    return client


def _limit_time(request: "AWSRequest", **_: object) -> None:
    request.context["read_timeout"] = max(_seconds_left.get()(), 0.001)


def _refuse_second_bill(caught_exception: Exception | None, **_: object) -> None:
    if isinstance(caught_exception, HTTPClientError) and _was_sent(caught_exception):
        raise caught_exception


def _was_sent(error: Exception) -> bool:
    return not isinstance(error, ConnectionError)


@contextmanager
def _as_bedrock_error() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        said, metadata = error.response["Error"], error.response["ResponseMetadata"]
        raise BedrockError(said["Code"], said["Message"], metadata.get("RequestId")) from error
    except ReadTimeoutError as error:
        raise BedrockError(BedrockError.READ_TIMEOUT, str(error)) from error
    except NoCredentialsError as error:
        raise BedrockError(BedrockError.NO_CREDENTIALS, str(error)) from error
    except ConnectionError as error:
        raise BedrockError(BedrockError.UNREACHABLE, str(error)) from error
    except (ConnectionClosedError, BotoCoreError) as error:
        raise BedrockError(BedrockError.CONNECTION_LOST, str(error)) from error
    except ValueError as error:
        raise BedrockError(BedrockError.UNREADABLE, str(error)) from error
