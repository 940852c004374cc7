"""A job's cost beside the model, in a long and in a short queue, each with a table and a queue of its own."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.laptop import Function, Laptop, http_event
from bench.measure import Result, compared, interleaved
from bench.places import Program, ThisMachine, serving
from bench.requests import NATIVE, WrongAnswer
from bench.warm import require_billed

WARM_UPS = 3
SHORT = 10
LENGTHS = (1000, 100)
ACCEPTED = 202


@dataclass(frozen=True)
class Backlog:
    """A queue that always holds the same number of jobs, and the programs that fill and empty it."""

    laptop: Laptop
    function: Function
    api: Program
    worker: Program
    queue_url: str
    table: str
    taken: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self) -> None:
        body = NATIVE.body(next(self.laptop.seeds))
        event = http_event(self.function.variables["GATEWAY_TOKEN"], body, prefer="respond-async")
        answer = self.api.ask(event)["answer"]
        if answer["statusCode"] != ACCEPTED:
            raise WrongAnswer(answer)

    def work(self) -> float:
        """Take one job off the queue and work on it; another takes its place."""
        taken = self.worker.ask({"Records": [self._received()]})
        if taken["answer"]["batchItemFailures"]:
            raise WrongAnswer(taken["answer"])
        self.taken.append(taken)
        self.add()
        return float(taken["seconds"])

    def _received(self) -> dict[str, Any]:
        sqs = self.laptop.client("sqs")
        (message,) = sqs.receive_message(
            QueueUrl=self.queue_url, AttributeNames=["All"], MessageAttributeNames=["All"], WaitTimeSeconds=5
        )["Messages"]
        sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:bench",
            "awsRegion": "us-east-1",
        }

    def growth(self) -> dict[str, Any]:
        """What must not grow with the queue."""
        return {"calls": self.taken[-1]["calls"], "largest_record": self._largest_record()}

    def _largest_record(self) -> int:
        """Bytes of the largest record, as DynamoDB's JSON writes them."""
        pages = self.laptop.client("dynamodb").get_paginator("scan").paginate(TableName=self.table)
        return max(len(str(item)) for page in pages for item in page["Items"])


def by_queue_length(laptop: Laptop, runs: int) -> list[Result]:
    return [_long_beside_short(laptop, length, runs) for length in LENGTHS]


def _long_beside_short(laptop: Laptop, length: int, runs: int) -> Result:
    laptop.configure()
    with _backlog(laptop, length) as long, _backlog(laptop, SHORT) as short:
        for backlog in (long, short) * WARM_UPS:
            backlog.work()
        laptop.configure()
        pairs = interleaved(long.work, short.work, runs)
        require_billed(laptop, 2 * runs)
        details = {str(one): backlog.growth() for one, backlog in ((length, long), (SHORT, short))}
    return compared(f"jobs-{length}-vs-{SHORT}", pairs, queues=details)


@contextmanager
def _backlog(laptop: Laptop, length: int) -> Iterator[Backlog]:
    api, worker = laptop.function("ApiFunction"), laptop.function("WorkerFunction")
    with ExitStack() as stack:
        table, queue_url = stack.enter_context(_table(laptop)), stack.enter_context(_queue(laptop))
        # The functions' roles may not use this table.
        root = {
            "AWS_ACCESS_KEY_ID": laptop.description["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": laptop.description["aws_secret_access_key"],
            "AWS_SESSION_TOKEN": "",
        }
        ours = {**root, "TABLE_NAME": table, "QUEUE_URL": queue_url, "OPEN_JOBS_PER_KEY": "1000000"}
        filling, working = (
            stack.enter_context(serving(ThisMachine(), "handler.py", {**function.variables, **ours}))
            for function in (api, worker)
        )
        backlog = Backlog(laptop, api, filling, working, queue_url, table)
        for _ in range(length):
            backlog.add()
        yield backlog


@contextmanager
def _table(laptop: Laptop) -> Iterator[str]:
    dynamodb, name = laptop.client("dynamodb"), f"bench-{uuid.uuid4()}"
    ours = dynamodb.describe_table(TableName=laptop.description["table"])["Table"]
    indexes = [
        {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        for index in ours["GlobalSecondaryIndexes"]
    ]
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=ours["AttributeDefinitions"],
        KeySchema=ours["KeySchema"],
        GlobalSecondaryIndexes=indexes,
    )
    try:
        yield name
    finally:
        dynamodb.delete_table(TableName=name)


@contextmanager
def _queue(laptop: Laptop) -> Iterator[str]:
    sqs = laptop.client("sqs")
    url: str = sqs.create_queue(QueueName=f"bench-{uuid.uuid4()}")["QueueUrl"]
    try:
        yield url
    finally:
        sqs.delete_queue(QueueUrl=url)
