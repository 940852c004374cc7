"""What happened to each line of a batch, in S3: one object for each line, and at the end one manifest."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import boto3

bucket = boto3.resource("s3").Bucket(os.environ["BUCKET_NAME"])


def write_line(event: Mapping[str, Any], _: object) -> None:
    """Takes `{"folder", "line", …}`. Returns nothing, because Step Functions limits what all lines return together."""
    result = {name: value for name, value in event.items() if name != "folder"}
    key = f"{event['folder']}/lines/{event['line']:07}.json"
    bucket.put_object(Key=key, Body=json.dumps(result).encode(), ContentType="application/json")


def write_manifest(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """Writes the lines in their order to one object, and returns where it is and how many lines have which status."""
    folder = event["folder"]
    results = list(lines(folder))
    manifest = f"{folder}/manifest.jsonl"
    body = "".join(f"{json.dumps(result)}\n" for result in results)
    bucket.put_object(Key=manifest, Body=body.encode(), ContentType="application/jsonl")
    statuses = [result["status"] for result in results]
    return {
        "manifest": f"s3://{bucket.name}/{manifest}",
        "lines": {status: statuses.count(status) for status in sorted(set(statuses))},
        "cost_usd": round(sum(result.get("cost_usd", 0) for result in results), 6),
    }


def lines(folder: str) -> Iterator[dict[str, Any]]:
    for found in bucket.objects.filter(Prefix=f"{folder}/lines/"):
        yield json.load(found.get()["Body"])
