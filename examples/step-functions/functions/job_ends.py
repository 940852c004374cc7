"""A task token and the event that ends its job come in either order. The second of the two ends the task."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
states = boto3.client("stepfunctions")

KEPT_SECONDS = 8 * 24 * 3600
OVER = {"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"}
"""The task has ended: events come at least once, and an execution may be stopped."""


def lambda_handler(event: Mapping[str, Any], _: object) -> None:
    """Takes `{"id", "token"}` from the state machine, or an event of the API from EventBridge."""
    if "token" in event:
        meet(event["id"], "task_token", event["token"])
    else:
        meet(event["detail"]["id"], "ended", json.dumps({"type": event["detail-type"], **event["detail"]}))


def meet(job_id: str, name: str, value: str) -> None:
    found = table.update_item(
        Key={"id": job_id},
        UpdateExpression="SET #name = :value, expires_at = :expires_at",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value, ":expires_at": int(time.time()) + KEPT_SECONDS},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    if {"task_token", "ended"} <= found.keys():
        end(str(found["task_token"]), json.loads(str(found["ended"])))
        table.delete_item(Key={"id": job_id})


def end(token: str, ended: Mapping[str, Any]) -> None:
    try:
        if ended["type"] == "Generation Completed":
            states.send_task_success(taskToken=token, output=json.dumps({"id": ended["id"]}))
        else:
            states.send_task_failure(taskToken=token, error=class_name(ended["code"]), cause=json.dumps(ended))
    except ClientError as error:
        if error.response["Error"]["Code"] not in OVER:
            raise


def class_name(code: str) -> str:
    """The error's class as a direct invocation names it: ContentBlocked for content_blocked."""
    return "".join(word.capitalize() for word in code.split("_"))
