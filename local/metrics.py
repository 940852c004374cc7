"""CloudWatch metrics that AWS publishes by itself and MiniStack does not: those in the functions' log lines (embedded
metric format), API Gateway's, SQS's and Bedrock's."""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local import ministack

SECONDS_BETWEEN_LOOKS = 2
OVERLAP_SECONDS = 5
"""How long after its time a log line may still appear."""
BATCH = 500

log = logging.getLogger(__name__)

Datum = tuple[str, dict[str, Any]]
"""A namespace, and an entry of PutMetricData's MetricData."""


class Source(Protocol):
    def new(self) -> Iterator[Datum]:
        """What happened since the last call."""


class Metrics:
    """Publishes what its sources have seen, every few seconds."""

    def __init__(self, endpoint: str, sources: Sequence[Source], region: str = ministack.REGION) -> None:
        self._cloudwatch: Any = ministack.client("cloudwatch", endpoint, region)
        self._sources = sources

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.publish)
            except (BotoCoreError, ClientError, httpx.HTTPError):
                log.exception("The metrics could not be published; trying again.")
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    def publish(self) -> None:
        by_namespace: dict[str, list[dict[str, Any]]] = {}
        for namespace, datum in (each for source in self._sources for each in source.new()):
            by_namespace.setdefault(namespace, []).append(datum)
        for namespace, data in by_namespace.items():
            for batch in _batches(data):
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=batch)


class LogGroup:
    """The metrics in a function's log lines, as CloudWatch Logs extracts them."""

    def __init__(self, endpoint: str, name: str) -> None:
        self._logs: Any = ministack.client("logs", endpoint)
        self._name = name
        self._seen: dict[tuple[str, str], float] = {}

    def new(self) -> Iterator[Datum]:
        since = time.time() - OVERLAP_SECONDS
        self._seen = {line: at for line, at in self._seen.items() if at >= since}
        for event in self._events(since):
            line = (event["logStreamName"], event["message"])
            if line not in self._seen:
                self._seen[line] = event["timestamp"] / 1000
                yield from embedded(event["message"])

    def _events(self, since: float) -> Iterator[Mapping[str, Any]]:
        pages = self._logs.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=self._name, startTime=int(since * 1000)):
            yield from page["events"]


def embedded(line: str) -> Iterator[Datum]:
    """The metrics of one line in the embedded metric format; none if it is any other line."""
    try:
        record = json.loads(line)
        metadata = record["_aws"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in metadata["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: record[name] for name in names}
            for metric in directive["Metrics"]:
                for value in _listed(record[metric["Name"]]):
                    yield directive["Namespace"], datum(metric["Name"], value, metric.get("Unit", "None"), dimensions)


class Queue:
    """How many messages a queue has, and since when it was not empty, which stands for the age of the oldest one."""

    def __init__(self, endpoint: str, url: str) -> None:
        self._sqs: Any = ministack.client("sqs", endpoint)
        self._url = url
        self._empty_at = time.time()

    def new(self) -> Iterator[Datum]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        visible, hidden = (int(self._attributes(names)[name]) for name in names)
        if not visible + hidden:
            self._empty_at = time.time()
        dimensions = {"QueueName": self._url.rpartition("/")[2]}
        for name, value, unit in (
            ("ApproximateNumberOfMessagesVisible", visible, "Count"),
            ("ApproximateNumberOfMessagesNotVisible", hidden, "Count"),
            ("ApproximateAgeOfOldestMessage", time.time() - self._empty_at, "Seconds"),
        ):
            yield "AWS/SQS", datum(name, value, unit, dimensions)

    def _attributes(self, names: Sequence[str]) -> Mapping[str, str]:
        attributes: Mapping[str, str] = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)[
            "Attributes"
        ]
        return attributes


class Gateway:
    """The API's answers, as API Gateway counts them."""

    def __init__(self, api_name: str, stage: str) -> None:
        self._dimensions = {"ApiName": api_name, "Stage": stage}
        self._answers: list[tuple[int, float]] = []

    def count(self, status: int, seconds: float) -> None:
        self._answers.append((status, seconds))

    def new(self) -> Iterator[Datum]:
        answers, self._answers = self._answers, []
        for status, seconds in answers:
            for name, value, unit in (
                ("Count", 1, "Count"),
                ("4XXError", status in range(400, 500), "Count"),
                ("5XXError", status in range(500, 600), "Count"),
                ("Latency", seconds * 1000, "Milliseconds"),
            ):
                yield "AWS/ApiGateway", datum(name, value, unit, self._dimensions)


class ModelCalls:
    """The images that the emulator billed, as Bedrock counts them."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_control/calls"
        self._seen_until = time.time()

    def new(self) -> Iterator[Datum]:
        calls = httpx.get(self._url, trust_env=False).raise_for_status().json()
        for call in calls:
            if call["at"] > self._seen_until and call["images"]:
                yield "AWS/Bedrock", datum("OutputImageCount", call["images"], "Count", {"ModelId": call["model"]})
        self._seen_until = max([self._seen_until, *(call["at"] for call in calls)])


def datum(name: str, value: float, unit: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    named = [{"Name": key, "Value": each} for key, each in dimensions.items()]
    return {"MetricName": name, "Value": float(value), "Unit": unit, "Dimensions": named}


def _listed(value: Any) -> Iterable[float]:  # noqa: ANN401 - a number or a list of numbers
    return value if isinstance(value, list) else [value]


def _batches(data: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rest = iter(data)
    while batch := list(islice(rest, BATCH)):
        yield batch
