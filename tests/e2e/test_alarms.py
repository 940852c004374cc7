"""Each alarm watches a metric that appears under that name and those dimensions, and goes off."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
import pytest

from tests.e2e.alarms import Alarms
from tests.e2e.laptop import Emulator, eventually, start, stop

BUDGET = 10
BUDGET_MICROS = 10_000_000
SLOW_SECONDS = 26
HEALTHY = 40


@dataclass(frozen=True)
class Watched(Alarms):
    """A stack of its own, because alarms look back at all that happened before."""

    emulator: Emulator

    def post(self, **body: object) -> httpx.Response:
        return httpx.post(
            f"{self.stack.description['api_url']}/generate",
            json={"text": "a fox", "width": 512, "height": 512, "seed": None} | body,
            headers={"x-api-key": self.stack.description["api_key"]},
            timeout=60,
            trust_env=False,
        )

    def health(self) -> int:
        return httpx.get(f"{self.stack.description['api_url']}/health", trust_env=False).status_code

    def invoke(self, function: str, event: object = None) -> bool:
        """Whether it succeeded."""
        name = self.stack.description["functions"][function]
        answer = self.stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}))
        return "FunctionError" not in answer

    @contextmanager
    def misconfigured(self, function: str) -> Iterator[None]:
        functions = self.stack.client("lambda")
        name = self.stack.description["functions"][function]
        environment = functions.get_function_configuration(FunctionName=name)["Environment"]
        broken = {"Variables": environment["Variables"] | {"STANDARD_MODELS": "no model"}}
        functions.update_function_configuration(FunctionName=name, Environment=broken)
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, Environment=environment)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    parameters = f"MonthlyBudgetUsd={BUDGET} AlarmEmail=operator@example.org"
    stack = start(tmp_path_factory.mktemp("watched"), "--parameters", parameters)
    yield Watched(stack, Emulator(stack.description["bedrock_url"]))
    stop(stack.folder)


@pytest.fixture(scope="module")
def first_alarms(watched: Watched) -> set[str]:
    """The alarms that go off by the very first answers: one that takes nearly as long as API Gateway waits, and
    meanwhile failures only."""
    watched.emulator.configure(latency_ms=SLOW_SECONDS * 1000)
    gone_off = set()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(watched.post, model="titan")
        eventually(watched.emulator.calls)
        # A refused budget is no server error, and its own alarm stays off for the test that wants it.
        watched.emulator.configure(faults=[{"model": "*", "error": "ThrottlingException"}])
        assert watched.post(seed=2).status_code == 429
        if eventually(lambda: watched.goes_off("NoImages")):
            gone_off.add("NoImages")
        assert slow.result().status_code == 200
    if eventually(lambda: watched.goes_off("SlowAnswers")):
        gone_off.add("SlowAnswers")
    # While the stack starts, an answer may be an error; from now on that is a small share.
    for _ in range(HEALTHY):
        assert watched.health() == HTTPStatus.OK
    return gone_off


def throttled(watched: Watched) -> None:
    watched.emulator.configure(faults=[{"model": "*", "error": "ThrottlingException"}])
    assert {watched.post(model="sd3.5", number_of_images=1).status_code for _ in range(10)} == {429}


def server_errors(watched: Watched) -> None:
    with watched.stack.denied("ApiRole", "dynamodb:PutItem"):
        assert {watched.post(seed=1).status_code for _ in range(12)} == {503}


def budget_nearly_used(watched: Watched) -> None:
    with committed(watched, BUDGET_MICROS * 8 // 10):
        assert watched.invoke("SweeperFunction")


def budget_used_up(watched: Watched) -> None:
    with committed(watched, BUDGET_MICROS):
        assert watched.post().status_code == 402


@contextmanager
def committed(watched: Watched, micros: int) -> Iterator[None]:
    """The month is as if so much had been spent."""
    key = {"id": {"S": f"spend#{datetime.now(UTC):%Y-%m}#stack"}}

    def add(amount: int) -> int:
        changed = watched.stack.client("dynamodb").update_item(
            TableName=watched.stack.description["table"],
            Key=key,
            UpdateExpression="ADD committed :amount, spent :amount",
            ExpressionAttributeValues={":amount": {"N": str(amount)}},
            ReturnValues="UPDATED_OLD",
        )
        return int(changed.get("Attributes", {"committed": {"N": "0"}})["committed"]["N"])

    missing = micros - add(0)
    add(missing)
    try:
        yield
    finally:
        add(-missing)


def model_ending(watched: Watched) -> None:
    watched.emulator.configure(retired=["amazon.titan-image-generator-v2:0"])
    assert watched.invoke("AuditorFunction")


def uncounted_images(watched: Watched) -> None:
    """Bedrock counted images, two minutes ago, of which the ledger knows nothing."""
    assert watched.invoke("AuditorFunction")
    at = int(time.time()) - 120
    watched.stack.client("dynamodb").update_item(
        TableName=watched.stack.description["table"],
        Key={"id": {"S": "audit#ledger"}},
        UpdateExpression="SET #until = :at",
        ExpressionAttributeNames={"#until": "until"},
        ExpressionAttributeValues={":at": {"N": str(at // 60 * 60)}},
    )
    images = {
        "MetricName": "OutputImageCount",
        "Dimensions": [{"Name": "ModelId", "Value": "stability.stable-image-core-v1:1"}],
        "Timestamp": at,
        "Value": 50,
    }
    watched.stack.client("cloudwatch", region_name="us-west-2").put_metric_data(
        Namespace="AWS/Bedrock", MetricData=[images]
    )
    assert watched.invoke("AuditorFunction")


def reservation_expired(watched: Watched) -> None:
    """An attempt could not write its outcome, and its lease is over."""
    watched.emulator.configure(latency_ms=3000)
    table = {"TableName": watched.stack.description["table"]}
    dynamodb = watched.stack.client("dynamodb")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(watched.post, model="titan", seed=7)
        eventually(watched.emulator.calls)
        with watched.stack.denied("ApiRole", "dynamodb:PutItem"):
            assert answer.result().status_code == 200
    (running,) = [
        item
        for item in dynamodb.scan(**table)["Items"]
        if item["id"]["S"].startswith("generation#") and item.get("status", {}).get("S") == "running"
    ]
    dynamodb.update_item(
        **table,
        Key={"id": running["id"]},
        UpdateExpression="SET lease_until = :past, due_at = :past, listed_at = :past",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
    )
    assert watched.invoke("SweeperFunction")


def old_job(watched: Watched) -> None:
    """The age is not waited for: it is put where the stack's own values are."""
    alarm = watched.alarms()["OldestJob"]
    eventually(lambda: watched.value(alarm) is not None)
    watched.stack.client("cloudwatch").put_metric_data(
        Namespace=alarm["Namespace"],
        MetricData=[{"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": 1801}],
    )


def dead_letter(watched: Watched) -> None:
    watched.stack.client("sqs").send_message(QueueUrl=watched.stack.description["queue_url"], MessageBody="no job's id")


def failing(function: str, times: int) -> Callable[[Watched], None]:
    def fail(watched: Watched) -> None:
        with watched.misconfigured(function):
            assert not any(watched.invoke(function, {"Records": []}) for _ in range(times))

    return fail


def deliveries_given_up(watched: Watched) -> None:
    """The last try of a webhook fails, whose receiver accepts no connection."""
    address, key = watched.stack.description["api_url"], {"x-api-key": watched.stack.description["api_key"]}
    with httpx.Client(base_url=address, headers=key, timeout=60, trust_env=False) as api:
        api.post("/webhooks/secret").raise_for_status()
        request = {"text": "a fox", "width": 512, "height": 512, "seed": 8, "webhook_url": "https://127.0.0.1:9/"}
        api.post("/generate", json=request, headers={"Prefer": "respond-async"}).raise_for_status()
        delivery = eventually(lambda: api.get("/webhooks/deliveries").json()["deliveries"])[0]["id"]
        eventually(lambda: api.get(f"/webhooks/deliveries/{delivery}").json()["attempts"])
    watched.stack.client("dynamodb").update_item(
        TableName=watched.stack.description["table"],
        Key={"id": {"S": f"delivery#{delivery}"}},
        UpdateExpression="SET tries = :tries, next_at = :past",
        ExpressionAttributeValues={":tries": {"N": "10"}, ":past": {"N": "1"}},
    )
    queue = watched.stack.resource("WebhookQueue")
    watched.stack.client("sqs").send_message(QueueUrl=queue, MessageBody=delivery)


def authorizer_errors(watched: Watched) -> None:
    assert not watched.invoke("AuthorizerFunction", {"no": "request"})


CAUSES: Mapping[str, Callable[[Watched], None]] = {
    "ModelThrottled": throttled,
    "ServerErrors": server_errors,
    "ReservationExpired": reservation_expired,
    "BudgetNearlyUsed": budget_nearly_used,
    "BudgetUsedUp": budget_used_up,
    "ModelEnding": model_ending,
    "UncountedImages": uncounted_images,
    "OldestJob": old_job,
    "DeadLetters": dead_letter,
    "DeliveriesGivenUp": deliveries_given_up,
    "AuthorizerErrors": authorizer_errors,
    "WorkerErrors": failing("WorkerFunction", 1),
    "WebhookErrors": failing("WebhookFunction", 1),
    "SweeperErrors": failing("SweeperFunction", 2),
    "AuditorErrors": failing("AuditorFunction", 3),
}


@pytest.mark.usefixtures("first_alarms")
@pytest.mark.parametrize("name", CAUSES)
def test_it_goes_off(watched: Watched, name: str) -> None:
    watched.emulator.configure()
    watched.emulator.forget()
    assert not watched.goes_off(name)
    CAUSES[name](watched)
    assert eventually(lambda: watched.goes_off(name))


def test_slow_answers_and_failures_alone_go_off(first_alarms: set[str]) -> None:
    assert first_alarms == {"NoImages", "SlowAnswers"}


@pytest.mark.usefixtures("first_alarms")
def test_missing_sweeps_are_seen_by_missing_invocations(watched: Watched) -> None:
    """CloudWatch takes missing data for a breach; MiniStack evaluates only what is there."""
    alarm = watched.alarms()["NoSweeps"]
    assert watched.invoke("SweeperFunction")
    assert eventually(lambda: (watched.value(alarm) or 0) >= alarm["Threshold"])
    assert alarm["TreatMissingData"] == "breaching"


def test_no_alarm_is_left_out(watched: Watched) -> None:
    assert watched.alarms().keys() == CAUSES.keys() | {"NoImages", "SlowAnswers", "NoSweeps"}


def test_the_operator_is_told(watched: Watched) -> None:
    sns, sqs = watched.stack.client("sns"), watched.stack.client("sqs")
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=inbox, Attributes={"Policy": policy})
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    alarm = watched.alarms()["DeadLetters"]
    (topic,) = alarm["AlarmActions"]
    assert [
        (each["Protocol"], each["Endpoint"])
        for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    ] == [("email", "operator@example.org")]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    cloudwatch = watched.stack.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="a test")
    # MiniStack evaluates an alarm on all dimensions of its metric; those of the alarm are left to its own test.
    elsewhere = [{"Name": "QueueName", "Value": "elsewhere"}]
    cloudwatch.put_metric_data(
        Namespace=alarm["Namespace"],
        MetricData=[{"MetricName": alarm["MetricName"], "Dimensions": elsewhere, "Value": 1}],
    )
    message = eventually(lambda: sqs.receive_message(QueueUrl=inbox).get("Messages"))[0]
    assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == alarm["AlarmName"]
