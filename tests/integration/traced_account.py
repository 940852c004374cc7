"""The API and its worker in one process, with moto's queue between them."""

import os
from typing import Any

import boto3

import worker.app
from tests.integration.mocked_account import answer

TRACE_OF_WORKER = "1-5759e988-bd862e3fe1be46a994272793"
"""The trace that Lambda starts for the invocation that receives the message."""

boto3.client("sqs").create_queue(QueueName=os.environ["QUEUE_URL"].rpartition("/")[2])


def order_and_work(event: dict[str, Any], context: Any) -> list[Any]:  # noqa: ANN401 - Lambda's untyped context
    """Answer the request, then run its job as Lambda would: in an invocation with a trace of its own."""
    accepted = answer(event, context)
    received = boto3.client("sqs").receive_message(
        QueueUrl=os.environ["QUEUE_URL"], MessageSystemAttributeNames=["All"]
    )
    own = os.environ["_X_AMZN_TRACE_ID"]
    os.environ["_X_AMZN_TRACE_ID"] = f"Root={TRACE_OF_WORKER};Parent=53995c3f42cd8ad8;Sampled=1"
    try:
        return [accepted, worker.app.lambda_handler({"Records": [*map(_record, received["Messages"])]}, context)]
    finally:
        os.environ["_X_AMZN_TRACE_ID"] = own


def _record(message: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3's untyped answer
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "eventSource": "aws:sqs",
    }
