"""Events on EventBridge: their source and their stack."""

import json

import boto3
import pytest
from botocore.stub import Stubber

from aws import clients
from aws.events import EventBus, EventError

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def inbox() -> str:
    """A queue that receives the events of one stack's rule."""
    queues, events = boto3.client("sqs"), boto3.client("events")
    url = queues.create_queue(QueueName="inbox")["QueueUrl"]
    attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {"source": ["text-to-image-api"], "detail": {"stack": ["prod"]}}
    events.put_rule(Name="of-one-stack", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="of-one-stack", Targets=[{"Id": "inbox", "Arn": attributes["QueueArn"]}])
    return url


def test_two_stacks_on_one_bus_have_different_events(inbox: str) -> None:
    for stack in ("dev", "prod"):
        EventBus("default", stack).publish("Generation Completed", {"id": f"of-{stack}"})

    messages = boto3.client("sqs").receive_message(QueueUrl=inbox, MaxNumberOfMessages=10)["Messages"]
    (event,) = (json.loads(message["Body"]) for message in messages)
    assert (event["source"], event["detail-type"]) == ("text-to-image-api", "Generation Completed")
    assert event["detail"] == {"stack": "prod", "id": "of-prod"}


def test_a_missing_bus_is_an_error() -> None:
    with pytest.raises(EventError) as raised:
        EventBus("nowhere", "prod").publish("Generation Completed", {"id": "a-generation"})
    assert raised.value.code == "ResourceNotFoundException"


def test_a_refused_entry_of_an_answered_call_is_an_error_too() -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
    with Stubber(clients.events()) as service:
        service.add_response("put_events", refused)
        with pytest.raises(EventError) as raised:
            EventBus("default", "prod").publish("Generation Completed", {"id": "a-generation"})
    assert raised.value.code == "ThrottlingException"
