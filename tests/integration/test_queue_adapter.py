"""The queue of jobs on SQS, as it is sent over the wire."""

import boto3
import pytest

from aws.queue import Queue

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def queue() -> Queue:
    return Queue(boto3.client("sqs").create_queue(QueueName="jobs")["QueueUrl"])


def test_the_messages_of_each_owner_are_a_group_of_a_fair_queue(queue: Queue) -> None:
    queue.send("a-job", "0123456789abcdef")
    queue.send("another", "direct")

    received = boto3.client("sqs").receive_message(
        QueueUrl=queue.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    )
    assert {message["Body"]: message["Attributes"] for message in received["Messages"]} == {
        "a-job": {"MessageGroupId": "0123456789abcdef"},
        "another": {"MessageGroupId": "direct"},
    }
