"""The handlers in another process, with moto's S3, DynamoDB and EventBridge and the emulator's Bedrock."""

import os

import boto3
from moto import mock_aws

import api.app
import authorizer.app
from observability import logger

mock_aws(config={"core": {"passthrough": {"urls": [f"{os.environ['AWS_ENDPOINT_URL_BEDROCK_RUNTIME']}.*"]}}}).start()
boto3.client("s3").create_bucket(Bucket=os.environ["BUCKET_NAME"])
boto3.client("dynamodb").create_table(
    TableName=os.environ["TABLE_NAME"],
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)

answer = api.app.lambda_handler
authorize = authorizer.app.lambda_handler


def say_something_at_each_level(*_: object) -> None:
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, level)(f"a line of level {level}")
