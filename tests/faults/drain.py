"""Stands in for Lambda's poller, so that a worker can be killed at will: takes messages and calls the worker with them.

python tests/faults/drain.py <queue URL> <file that holds the id of the job at hand> <the poller's own endpoint>
"""

import sys
from pathlib import Path
from typing import Any

from aws import clients
from tests.fakes.lambda_runtime import FakeContext, event
from worker.app import lambda_handler

SECONDS = 30
"""The time-out of an execution, shorter than WorkerFunction's: then the job of a killed worker is free again."""


def drain(queue_url: str, at_hand: Path, endpoint: str) -> None:
    sqs = clients.session().client("sqs", endpoint_url=endpoint)
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=1, WaitTimeSeconds=1, VisibilityTimeout=SECONDS + 1
        )
        for message in answer.get("Messages", []):
            at_hand.write_text(message["Body"])
            if not lambda_handler(_event(message), FakeContext(seconds=SECONDS))["batchItemFailures"]:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            at_hand.write_text("")


def _event(message: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 tells it
    content = event("sqs")
    content["Records"][0] |= {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
    }
    return content


if __name__ == "__main__":
    drain(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
