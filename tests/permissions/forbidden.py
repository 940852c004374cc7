"""What no function may do, whoever's code it runs. `but` names the functions whose work it is."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.permissions.world import World

Client = Any
Call = Callable[[Client, World], object]


@dataclass(frozen=True)
class Forbidden:
    what: str
    service: str
    call: Call
    but: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.what


def _bucket(world: World) -> str:
    name: str = world.stack.description["bucket"]
    return name


def _table(world: World) -> str:
    name: str = world.stack.description["table"]
    return name


def _model(client: Client, _: World) -> object:
    return client.invoke_model(modelId="amazon.titan-image-generator-v1", body=json.dumps({}))


def _streamed(client: Client, _: World) -> object:
    return client.invoke_model_with_response_stream(modelId="stability.stable-image-core-v1:1", body=json.dumps({}))


def _group_of_the_gateway(world: World) -> str:
    return world.stack.resource("AccessLogGroup")


DOORS = ("ApiFunction", "SweeperFunction")

FORBIDDEN = [
    Forbidden("read another prefix", "s3", lambda s3, w: s3.get_object(Bucket=_bucket(w), Key="private/plans.txt")),
    Forbidden("write another prefix", "s3", lambda s3, w: s3.put_object(Bucket=_bucket(w), Key="elsewhere.png")),
    Forbidden(
        "delete another prefix", "s3", lambda s3, w: s3.delete_object(Bucket=_bucket(w), Key="private/plans.txt")
    ),
    Forbidden("list the bucket", "s3", lambda s3, w: s3.list_objects_v2(Bucket=_bucket(w))),
    Forbidden("list the images", "s3", lambda s3, w: s3.list_objects_v2(Bucket=_bucket(w), Prefix="generated_images/")),
    Forbidden(
        "delete an image",
        "s3",
        lambda s3, w: s3.delete_object(Bucket=_bucket(w), Key="generated_images/any.png"),
        but=("ApiFunction",),
    ),
    Forbidden("list the account's buckets", "s3", lambda s3, _: s3.list_buckets()),
    Forbidden("open the bucket", "s3", lambda s3, w: s3.put_bucket_policy(Bucket=_bucket(w), Policy="{}")),
    Forbidden("delete the bucket", "s3", lambda s3, w: s3.delete_bucket(Bucket=_bucket(w))),
    Forbidden("scan the table", "dynamodb", lambda table, w: table.scan(TableName=_table(w))),
    Forbidden(
        "delete a record",
        "dynamodb",
        lambda table, w: table.delete_item(TableName=_table(w), Key={"id": {"S": "spend#2026-11#stack"}}),
        # MiniStack does not know the condition that keeps this function to one kind of record.
        but=("ApiFunction",),
    ),
    Forbidden("delete the table", "dynamodb", lambda table, w: table.delete_table(TableName=_table(w))),
    Forbidden(
        "read another table", "dynamodb", lambda table, _: table.get_item(TableName="others", Key={"id": {"S": "1"}})
    ),
    Forbidden("call an unlisted model", "bedrock-runtime", _model),
    Forbidden("call a model as a stream", "bedrock-runtime", _streamed),
    Forbidden(
        "receive jobs",
        "sqs",
        lambda sqs, w: sqs.receive_message(QueueUrl=w.queue, VisibilityTimeout=0),
        but=("WorkerFunction",),
    ),
    Forbidden(
        "receive webhooks",
        "sqs",
        lambda sqs, w: sqs.receive_message(QueueUrl=w.webhooks, VisibilityTimeout=0),
        but=("WebhookFunction",),
    ),
    Forbidden(
        "order a webhook",
        "sqs",
        lambda sqs, w: sqs.send_message(QueueUrl=w.webhooks, MessageBody="any"),
        but=("ApiFunction", "WorkerFunction", "SweeperFunction"),
    ),
    Forbidden(
        "order a job",
        "sqs",
        lambda sqs, w: sqs.send_message(QueueUrl=w.queue, MessageBody="any"),
        but=DOORS,
    ),
    Forbidden("purge the queue", "sqs", lambda sqs, w: sqs.purge_queue(QueueUrl=w.queue)),
    Forbidden(
        "send an event to another bus",
        "events",
        lambda bus, _: bus.put_events(
            Entries=[{"Source": "text-to-image-api", "DetailType": "any", "Detail": "{}", "EventBusName": "others"}]
        ),
    ),
    Forbidden(
        "write another log",
        "logs",
        lambda logs, w: logs.create_log_stream(logGroupName=_group_of_the_gateway(w), logStreamName="any"),
    ),
    Forbidden(
        "read a log", "logs", lambda logs, w: logs.filter_log_events(logGroupName=w.stack.resource("ApiLogGroup"))
    ),
    Forbidden("read the API keys", "apigateway", lambda gateway, _: gateway.get_api_keys(includeValues=True)),
    Forbidden(
        "call a function",
        "lambda",
        lambda functions, w: functions.invoke(FunctionName=w.stack.description["functions"]["ApiFunction"]),
    ),
    Forbidden(
        "change a function",
        "lambda",
        lambda functions, w: functions.update_function_configuration(
            FunctionName=w.stack.description["functions"]["ApiFunction"], Timeout=1
        ),
    ),
    Forbidden(
        "change a role",
        "iam",
        lambda iam, w: iam.put_role_policy(
            RoleName=w.stack.resource("ApiRole"), PolicyName="More", PolicyDocument=json.dumps({"Statement": []})
        ),
    ),
    Forbidden(
        "assume a role",
        "sts",
        lambda sts, w: sts.assume_role(
            RoleArn=f"arn:aws:iam::000000000000:role/{w.stack.resource('ApiRole')}", RoleSessionName="any"
        ),
    ),
    Forbidden("read a secret", "secretsmanager", lambda secrets, _: secrets.get_secret_value(SecretId="any")),
]


def attempted(world: World, forbidden: Forbidden) -> dict[str, str]:
    """What each function's role was told, without the functions whose work it is."""
    functions = [name for name in world.stack.description["functions"] if name not in forbidden.but]
    return {name: _refusal(world, forbidden, name) for name in functions}


def _refusal(world: World, forbidden: Forbidden, function: str) -> str:
    try:
        forbidden.call(world.as_role(function, forbidden.service, endpoint_url=world.witnesses[function][0].url), world)
    except ClientError as error:
        code: str = error.response["Error"]["Code"]
        return code.removesuffix("Exception")
    return "allowed"
