"""What a request brings while one or two operations fail: what the caller sees, what is stored, and what is paid.

Each scenario runs the real handlers on fakes: a request while the operations fail, then, when the services work
again, the same request, or for a job the sweeper and the worker until the job ends.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import combinations, product
from typing import Any

import bootstrap
import sweeper.app
import worker.app
from api.app import lambda_handler
from aws.bedrock import BedrockError
from aws.bucket import BucketError, Link
from aws.errors import ServiceError
from aws.events import EventError
from aws.queue import QueueError
from aws.table import Change, Put, Record, TableError
from bootstrap import Services
from observability import logger, metrics
from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.events import FakeBus
from tests.fakes.lambda_runtime import FakeContext, event, http_event
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.simulation.world import replaced

Row = Sequence[str]

START = 1_790_000_000.0
CENT = 1.0
"""The price of the image."""

LEASE_SECONDS, SWEEPS = 600, 40
BODY = {"text": "a fox", "seed": 42}
ENDED = {"succeeded", "failed", "cancelled"}


@dataclass(frozen=True)
class Fault:
    """`code` is what the service answers, or what the SDK raises; `is_applied` where the call did its work."""

    name: str
    code: str
    status: int | None
    is_applied: bool = False


REFUSED = Fault("refused", "AccessDeniedException", 403)
THROTTLED = Fault("throttled", "ThrottlingException", 400)
TIMED_OUT = Fault("not reached", "ConnectTimeoutError", None)
LOST = Fault("answer lost", "ReadTimeoutError", None, is_applied=True)
FAULTS = (REFUSED, THROTTLED, TIMED_OUT, LOST)
_MODEL_CODES = {"ConnectTimeoutError": BedrockError.UNREACHABLE, "ReadTimeoutError": BedrockError.READ_TIMEOUT}

OPERATIONS = {
    "begin": "table: begin the generation, reserve its price",
    "model": "model: make the image",
    "put": "bucket: put the image",
    "event": "bus: publish the event",
    "end": "table: end the generation, settle its price",
    "link": "bucket: presign the link",
    "read": "table: read records",
    "send": "queue: send the job's message",
}
JOB_ONLY = {"read", "send"}


@dataclass
class Deployment:
    """The services on fakes; the operations in `faults` fail."""

    faults: dict[str, Fault] = field(default_factory=dict)
    table: FakeTable = field(init=False)
    bucket: FakeBucket = field(default_factory=FakeBucket)
    queue: FakeQueue = field(default_factory=FakeQueue)
    bus: FakeBus = field(default_factory=FakeBus)
    model: FakeBedrock = field(default_factory=FakeBedrock)
    wall: FakeClock = field(default_factory=lambda: FakeClock(START))
    clock: FakeClock = field(default_factory=FakeClock)
    hidden_until: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = FakeTable(now=self.wall)

    def call(self, operation: str, kind: type[ServiceError], apply: Callable[[], Any]) -> Any:  # noqa: ANN401 - as the call
        fault = self.faults.get(operation)
        if fault is None:
            return apply()
        if fault.is_applied:
            apply()
        code = _MODEL_CODES.get(fault.code, fault.code) if kind is BedrockError else fault.code
        raise kind(code, status=fault.status)

    def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.wall.advance(seconds)

    def services(self) -> Services:
        return Services(
            Settings.from_environment(ENVIRONMENT | {"DEDUPLICATION_MINUTES": "1440"}),
            _Table(self),
            _Bucket(self),
            _Queue(self),
            _Bus(self),
            lambda *call: self.call("model", BedrockError, lambda: self.model(*call)),
            FakeQueue(),
            now=self.wall,
            clock=self.clock,
            sleep=self.sleep,
            parallel=lambda tasks: [task() for task in tasks],
        )


def _operation(changes: Sequence[Change]) -> str:
    if changes[0].key.startswith("image#"):
        return "other record"
    status = next((change.record.get("status") for change in changes if isinstance(change, Put)), None)
    return "end" if status in ENDED else "begin"


class _Part:
    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment


class _Table(_Part):
    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method
        method = getattr(self.deployment.table, name)
        return lambda *call, **named: self.deployment.call("read", TableError, lambda: method(*call, **named))

    def put(self, key: str, record: Record, expires_at: int) -> None:
        self.deployment.call("other record", TableError, lambda: self.deployment.table.put(key, record, expires_at))

    def write(self, changes: Sequence[Change], token: str) -> None:
        self.deployment.call(_operation(changes), TableError, lambda: self.deployment.table.write(changes, token))


class _Bucket(_Part):
    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method
        return getattr(self.deployment.bucket, name)

    def put(self, image_id: str, png: bytes, metadata: dict[str, str]) -> None:
        self.deployment.call("put", BucketError, lambda: self.deployment.bucket.put(image_id, png, metadata))

    def link(self, image_id: str) -> Link:
        found: Link = self.deployment.call("link", BucketError, lambda: self.deployment.bucket.link(image_id))
        return found


class _Queue(_Part):
    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method
        return getattr(self.deployment.queue, name)

    def send(self, *call: Any) -> None:  # noqa: ANN401 - as the port
        self.deployment.call("send", QueueError, lambda: self.deployment.queue.send(*call))


class _Bus(_Part):
    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        self.deployment.call("event", EventError, lambda: self.deployment.bus.publish(detail_type, detail))


@dataclass(frozen=True)
class Outcome:
    """Of one image that costs a cent. `seen` is the answer during the fault, `later` the one after it."""

    seen: str
    later: str
    stored: int
    billed: int
    spent_cents: float
    reserved_cents: float

    def row(self) -> Row:
        """The cells of a table."""
        return [self.seen, self.later, str(self.stored), str(self.billed), f"{self.spent_cents:g} cents"]


def run(faults: Mapping[str, Fault], *, is_job: bool) -> Outcome:
    deployment = Deployment(dict(faults))
    with _installed(deployment):
        seen = _send(is_job=is_job)
        if is_job:
            _work(deployment)
        deployment.faults.clear()
        later = _settled(deployment, seen) if is_job else _send(is_job=False)
        deployment.sleep(LEASE_SECONDS)
        _sweep(deployment)
    return _outcome(deployment, seen, later)


def _outcome(deployment: Deployment, seen: dict[str, Any], later: dict[str, Any]) -> Outcome:
    totals: Record = next(
        (record for key, record in deployment.table.records.items() if key.startswith("spend#") and "#stack" in key), {}
    )
    spent, committed = totals.get("spent", 0), totals.get("committed", 0)
    return Outcome(
        _described(seen),
        _described(later),
        len(deployment.bucket.objects),
        len(deployment.model.calls),
        spent / 10_000,
        (committed - spent) / 10_000,
    )


def _described(answer: Mapping[str, Any]) -> str:
    """The HTTP status and the code, or the status of a job, and the codes of warnings."""
    body = answer["body"]
    job = body.get("status") if answer["status"] == HTTPStatus.OK else None
    codes = [
        body.get("code"),
        (body.get("problem") or {}).get("code"),
        *(each["code"] for each in body.get("warnings", [])),
    ]
    return " ".join([f"`{job}`" if job else str(answer["status"]), *(f"`{code}`" for code in codes if code)])


def _send(*, is_job: bool) -> dict[str, Any]:
    headers = {"prefer": "respond-async"} if is_job else {}
    return _answer(http_event("POST", "/generate", json.dumps(BODY), **headers))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    answer = lambda_handler(request, FakeContext())
    return {"status": answer["statusCode"], "body": json.loads(answer["body"])}


def _settled(deployment: Deployment, seen: Mapping[str, Any]) -> dict[str, Any]:
    """The job when it has ended; where none was accepted, the same request again until it has."""
    if seen["status"] != HTTPStatus.ACCEPTED:
        seen = _send(is_job=True)
    for _ in range(SWEEPS):
        _work(deployment)
        job = _answer(http_event("GET", f"/jobs/{seen['body']['id']}"))
        if job["body"].get("status") in ENDED:
            return job
        deployment.sleep(LEASE_SECONDS)
        _sweep(deployment)
    return job


def _work(deployment: Deployment) -> None:
    """The worker receives each message once; one that it returns is visible again."""
    for text in [deployment.queue.sent.pop(0) for _ in list(deployment.queue.sent)]:
        message = event("sqs")
        message["Records"][0]["body"] = text
        if worker.app.lambda_handler(message, FakeContext())["batchItemFailures"]:
            deployment.queue.sent.append(text)


def _sweep(deployment: Deployment) -> None:
    sweeper.app.lambda_handler({}, FakeContext())
    deployment.sleep(1)


@contextmanager
def _installed(deployment: Deployment) -> Iterator[None]:
    """The doors find these services, and neither log nor count."""
    services, level = deployment.services(), logger.log_level
    logger.setLevel("CRITICAL")
    silent = (metrics.provider, "flush_metrics", lambda *_, **__: None)
    try:
        with replaced((bootstrap, "services", lambda: services), silent):
            yield
    finally:
        metrics.provider.clear_metrics()
        logger.setLevel(level)


def scenarios(*, is_job: bool, together: int) -> Iterator[tuple[Mapping[str, Fault], Outcome]]:
    """Each set of so many operations that fail in the same way, and what it brings."""
    operations = [operation for operation in OPERATIONS if is_job or operation not in JOB_ONLY]
    for failing in combinations(operations, together):
        for fault in FAULTS:
            if "link" not in failing or fault is REFUSED:  # a link is signed in the function: no service is called
                faults = dict.fromkeys(failing, fault)
                yield faults, run(faults, is_job=is_job)


HEAD = ("the caller sees", "afterwards", "stored", "billed", "counted as spent")


def alone(*, is_job: bool) -> tuple[Row, list[Row]]:
    """The head and the rows of the table for one failing operation. Ways to fail with the same outcome share a row."""
    rows: list[Row] = []
    for operation, title in OPERATIONS.items():
        found: dict[Outcome, list[str]] = {}
        for faults, outcome in scenarios(is_job=is_job, together=1):
            if operation in faults:
                found.setdefault(outcome, []).append(faults[operation].name)
        for outcome, names in found.items():
            how = "any way" if len(names) == len(FAULTS) else ", ".join(names)
            rows.append([title, "no credentials" if operation == "link" else how, *outcome.row()])
    return ["operation that fails", "how", *HEAD], rows


def together() -> tuple[Row, list[Row]]:
    """The head and the rows of the table for two and for all failing operations, counted by outcome."""
    counts: Counter[tuple[str, ...]] = Counter()
    for is_job, number in product((False, True), (2, 3)):
        for _, outcome in scenarios(is_job=is_job, together=number):
            counts["job" if is_job else "synchronous", *outcome.row()] += 1
    rows: list[Row] = [(*outcome, str(count)) for outcome, count in counts.most_common()]
    return ["request", *HEAD, "combinations"], sorted(rows, key=lambda row: row[0], reverse=True)
