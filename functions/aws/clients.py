"""Every AWS client is made here, with its region, signature, retries and time-outs spelled out."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_bedrock import BedrockClient
    from types_boto3_bedrock_runtime import BedrockRuntimeClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


@cache
def session() -> boto3.Session:
    """One per execution environment, so that all clients share its loaded service models."""
    return boto3.Session()


@cache
def bedrock_runtime(region: str) -> "BedrockRuntimeClient":
    return session().client("bedrock-runtime", region_name=region, config=_config(max_pool_connections=16))


@cache
def bedrock(region: str) -> "BedrockClient":
    """Bedrock's control plane, which tells about models but calls none."""
    return session().client("bedrock", region_name=region, config=_config(read_timeout=5))


@cache
def dynamodb() -> "DynamoDBClient":
    return session().client("dynamodb", config=_config(read_timeout=5))


@cache
def sqs() -> "SQSClient":
    return session().client("sqs", config=_config(read_timeout=5))


@cache
def events() -> "EventBridgeClient":
    return session().client(
        "events", config=_config(read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})
    )


@cache
def s3() -> "S3Client":
    """Signs links by SigV4 for the regional virtual host; boto3's own defaults are neither everywhere."""
    config = _config(signature_version="s3v4", s3={"addressing_style": "virtual"}, read_timeout=5)
    return session().client("s3", config=config)


def _config(**settings: Any) -> Config:  # noqa: ANN401 - botocore's own signature
    common: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": 3},
        "connect_timeout": 3,
        "tcp_keepalive": True,
        "user_agent_extra": "text-to-image-api",
    }
    return Config(**(common | settings))
