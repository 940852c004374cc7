"""Erases everything of one API key from a deployed stack: `make erase STACK=… KEY_ID=…`, or CALLER=… for a key that is
deleted, or for `direct`.

Needs an operator's AWS credentials. What the caller has spent stays in the month's totals. A second run is safe.
"""

import hashlib
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3

from aws.table import ConditionFailed, Delete, Equal, Record
from bootstrap import Services
from imaging.errors import InternalError, NotCancellable, NotFound
from imaging.ids import image_id
from imaging.records import keys, open_jobs
from imaging.records.record import GenerationRecord
from imaging.records.store import put
from settings import Settings

POLL_SECONDS = 2
LONGEST_WAIT_SECONDS = 600
"""A running generation ends within minutes; the sweeper ends what crashed."""

STUB_SECONDS = 3600
"""How long the empty record of a cancelled job stays, so that its message finds a job that is over."""

GENERATION, IMAGE = "generation#", "image#"


class Refused(Exception):
    """The erasure did not begin or is not complete; the message says why, and what to do."""


@dataclass(frozen=True)
class Erasure:
    services: Services
    caller: str

    def run(self) -> str:
        """Erases everything; the result in words."""
        images, generations, cancelled = 0, 0, self._end_all()
        while records := list(self._records()):
            images += self._erase_files(records)
            generations += sum(each["id"].startswith(GENERATION) for each in records)
            for each in records:
                self._erase(each, keeps_stub=each["id"] in cancelled)
            cancelled |= self._end_all()
        with suppress(ConditionFailed):
            self._write(Delete(open_jobs.key(self.caller), Equal(open_jobs.OPEN, 0)))
        self._forget_name()
        return (
            f"Erased {images} images and {generations} generations of {self.caller}, {len(cancelled)} of them waiting "
            "jobs. What it spent stays in the month's totals."
        )

    def _forget_name(self) -> None:
        """The caps in the key's entry stay, so that a key that is enabled again has them."""
        dynamodb = boto3.client("dynamodb")
        with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.update_item(
                TableName=self.services.settings.table_name,
                Key={"id": {"S": keys.key(self.caller)}},
                UpdateExpression="REMOVE #name",
                ConditionExpression="attribute_exists(id)",
                ExpressionAttributeNames={"#name": "name"},
            )

    def _end_all(self) -> set[str]:
        """Cancels the jobs that wait, and waits for what runs. Returns the cancelled ones."""
        cancelled: set[str] = set()
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while unfinished := [each for each in self._records() if each.get("status") in {"queued", "running"}]:
            ended = {each["id"] for each in unfinished if self._cancel(each["id"].removeprefix(GENERATION))}
            cancelled |= ended
            if len(ended) < len(unfinished):
                _wait(len(unfinished) - len(ended), deadline)
        return cancelled

    def _cancel(self, generation_id: str) -> bool:
        with suppress(NotCancellable, NotFound):
            try:
                self.services.generations.cancel(self.caller, generation_id)
            except InternalError:
                raise Refused(
                    f"The record of the job {generation_id} is malformed. The sweeper abandons it after JobHours: run "
                    "this again then."
                ) from None
            return True
        return False

    def _records(self) -> Iterator[Record]:
        """Everything in the table that belongs to the caller, but for the month's totals."""
        pages = (
            boto3.client("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self.services.settings.table_name,
                FilterExpression="#owner = :owner OR begins_with(id, :digest) OR begins_with(id, :retries)",
                ProjectionExpression="id, #status, requested",
                ExpressionAttributeNames={"#owner": "owner", "#status": "status"},
                ExpressionAttributeValues={
                    ":owner": {"S": self.caller},
                    ":digest": {"S": f"digest#{self.caller}#"},
                    ":retries": {"S": f"retries#{self.caller}#"},
                },
                ConsistentRead=True,
            )
        )
        for page in pages:
            for item in page["Items"]:
                yield {name: next(iter(value.values())) for name, value in item.items()}

    def _erase_files(self, records: Sequence[Record]) -> int:
        """Deletes the files of all images, also of those without a record."""
        made = {each["id"].removeprefix(IMAGE) for each in records if each["id"].startswith(IMAGE)}
        possible = {name for each in records for name in _possible_images(each)}
        for name in made | possible:
            self.services.bucket.delete(name)
            self.services.bucket.delete_renditions(name)
        return len(made)

    def _erase(self, found: Record, *, keeps_stub: bool) -> None:
        if keeps_stub:
            stub = put(_stub(found["id"].removeprefix(GENERATION)), None)
            self.services.table.put(stub.key, stub.record, stub.expires_at)
            return
        condition = Equal("status", found["status"]) if "status" in found else None
        with suppress(ConditionFailed):  # it was asked for again meanwhile
            self._write(Delete(found["id"], condition))

    def _write(self, change: Delete) -> None:
        self.services.table.write([change], secrets.token_hex(8))


def _possible_images(found: Record) -> list[str]:
    if not found["id"].startswith(GENERATION):
        return []
    return [image_id(found["id"].removeprefix(GENERATION), place) for place in range(int(found.get("requested", 0)))]


def _stub(generation_id: str) -> GenerationRecord:
    """A cancelled job of nobody, without any content."""
    now = time.time()
    return GenerationRecord(
        id=generation_id,
        owner="",
        request_hash="",
        is_keyed=False,
        is_job=True,
        created_at=now,
        ended_at=now,
        expires_at=int(now) + STUB_SECONDS,
        epoch=secrets.token_hex(8),
        revision=secrets.token_hex(8),
        status="cancelled",
        requested=1,
        first_seed=0,
    )


def _wait(running: int, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise Refused(
            f"{running} generations still run. Waiting jobs are cancelled, and nothing else is erased: run this again "
            "in some minutes."
        )
    _say(f"Waiting for {running} running generations …")
    time.sleep(POLL_SECONDS)


def _services(stack: str) -> Services:
    """The product's own services, with the settings of the deployed API function."""
    found: Any = boto3.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId="ApiFunction"
    )
    configuration = boto3.client("lambda").get_function_configuration(
        FunctionName=found["StackResourceDetail"]["PhysicalResourceId"]
    )
    region = boto3.session.Session().region_name
    return Services.on_aws(
        Settings.from_environment(configuration["Environment"]["Variables"] | {"AWS_REGION": region})
    )


def _caller_of(key_id: str) -> str:
    key = boto3.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)
    if key["enabled"]:
        raise Refused(
            f"The key {key_id} is enabled, so it could make new images meanwhile. Disable it first: aws apigateway "
            f"update-api-key --api-key {key_id} --patch-operations op=replace,path=/enabled,value=false"
        )
    return hashlib.sha256(key["value"].encode()).hexdigest()[:16]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    stack, key_id, caller = (os.environ.get(name, "") for name in ("STACK", "KEY_ID", "CALLER"))
    if not stack or bool(key_id) == bool(caller):
        sys.exit("Say whose: make erase STACK=text-to-image-api KEY_ID=<the key's id>, or CALLER=<the caller's name>")
    try:
        _say(Erasure(_services(stack), caller or _caller_of(key_id)).run())
    except Refused as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
