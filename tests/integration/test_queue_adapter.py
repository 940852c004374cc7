"""The queue of jobs on SQS, as it is sent over the wire."""

import boto3
import pytest
from botocore.stub import Stubber

from aws import clients
from aws.queue import Queue, QueueError

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


@pytest.mark.parametrize(("seconds", "whole"), [(0.2, 1), (10, 10), (899.5, 900), (5000, 900)])
def test_a_message_is_put_back_for_whole_seconds_within_sqss_limit(seconds: float, whole: int) -> None:
    with Stubber(clients.sqs()) as service:
        wanted = {"QueueUrl": "https://jobs", "ReceiptHandle": "a-receipt", "VisibilityTimeout": whole}
        service.add_response("change_message_visibility", {}, wanted)
        Queue("https://jobs").put_back("a-receipt", seconds)
        service.assert_no_pending_responses()


def test_an_unusable_message_goes_to_the_dead_letter_queue(queue: Queue) -> None:
    dead_letters = boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    Queue(queue.url, dead_letters).dead_letter("no job")

    (message,) = boto3.client("sqs").receive_message(QueueUrl=dead_letters)["Messages"]
    assert message["Body"] == "no job"


@pytest.mark.parametrize(("status", "is_refusal"), [(400, True), (403, True), (499, True), (500, False), (503, False)])
def test_a_message_may_have_arrived_unless_sqs_refused_it(status: int, is_refusal: bool) -> None:
    with Stubber(clients.sqs()) as service:
        service.add_client_error("send_message", "SomeError", http_status_code=status)
        with pytest.raises(QueueError) as raised:
            Queue("https://jobs").send("a-job", "direct")

    assert (raised.value.code, raised.value.is_refusal) == ("SomeError", is_refusal)


@pytest.mark.parametrize("call", ["send", "put_back", "dead_letter"])
def test_every_call_raises_one_kind_of_error(call: str) -> None:
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/missing"
    with pytest.raises(QueueError) as raised:
        getattr(Queue(url, url), call)(*{"send": ("a", "b"), "put_back": ("a", 1), "dead_letter": ("a",)}[call])
    assert raised.value.is_refusal
