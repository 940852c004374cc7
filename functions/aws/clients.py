"""Creates every AWS client, with explicit region, signature, retries and time-outs.

A client that was idle reconnects before the next request. While Lambda freezes the environment, services close idle
connections; a request on a closed connection fails, and whether it arrived is unknown.
"""

import time
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.client import BaseClient
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_bedrock import BedrockClient
    from types_boto3_bedrock_runtime import BedrockRuntimeClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_kms import KMSClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

IDLE_SECONDS = 20

_Client = TypeVar("_Client", bound=BaseClient)


@cache
def session() -> boto3.Session:
    """One per execution environment, so that all clients share its loaded service models."""
    return boto3.Session()


@cache
def bedrock_runtime(region: str) -> "BedrockRuntimeClient":
    return _fresh(session().client("bedrock-runtime", region_name=region, config=_config(max_pool_connections=16)))


@cache
def bedrock(region: str) -> "BedrockClient":
    """Bedrock's control plane."""
    return _fresh(session().client("bedrock", region_name=region, config=_config(read_timeout=5)))


@cache
def cloudwatch(region: str) -> "CloudWatchClient":
    return _fresh(session().client("cloudwatch", region_name=region, config=_config(read_timeout=10)))


@cache
def dynamodb() -> "DynamoDBClient":
    return _fresh(session().client("dynamodb", config=_config(read_timeout=5)))


@cache
def sqs() -> "SQSClient":
    return _fresh(session().client("sqs", config=_config(read_timeout=5)))


@cache
def events() -> "EventBridgeClient":
    return _fresh(session().client("events", config=_optional()))


@cache
def kms(region: str) -> "KMSClient":
    return _fresh(session().client("kms", region_name=region, config=_optional()))


@cache
def ssm() -> "SSMClient":
    return _fresh(session().client("ssm", config=_optional()))


@cache
def s3() -> "S3Client":
    """Presigns by SigV4 for the regional virtual host, which are not boto3's defaults in every region."""
    config = _config(signature_version="s3v4", s3={"addressing_style": "virtual"}, read_timeout=5)
    return _fresh(session().client("s3", config=config))


def _fresh(client: _Client) -> _Client:
    """Makes the client close its connections before a request that follows a pause."""
    lock, used_at = Lock(), time.time()

    def before_send(**_: object) -> None:
        nonlocal used_at
        with lock:
            # The wall clock, which goes on while the environment is frozen, may also be set back.
            if not 0 <= time.time() - used_at < IDLE_SECONDS:
                client.close()
            used_at = time.time()

    client.meta.events.register("before-send", before_send)
    return client


def _optional() -> Config:
    """For calls that an answer can do without: two short attempts."""
    retries = {"mode": "standard", "total_max_attempts": 2}
    return _config(connect_timeout=1, read_timeout=2, retries=retries)


def _config(**settings: Any) -> Config:  # noqa: ANN401 - botocore's own signature
    common: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": 3},
        "connect_timeout": 3,
        "tcp_keepalive": True,
        "user_agent_extra": "text-to-image-api",
    }
    return Config(**(common | settings))
