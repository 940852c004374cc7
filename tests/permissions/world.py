"""The deployed stack as the scenarios see it: its front address, its functions' refused calls, and its roles."""

import functools
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from checks.permissions import Permission, listed
from tests.e2e.laptop import Emulator, Stack, credentials_of, eventually
from tests.fakes.forwarding import Exchange, Proxy, running

ASYNC = {"Prefer": "respond-async"}
LOGS = {"ApiFunction": "ApiLogGroup", "WorkerFunction": "WorkerLogGroup", "SweeperFunction": "SweeperLogGroup"}

_DENIED = re.compile(r"is not authorized to perform: ([\w-]+:\w+)")


@dataclass
class Witness(Proxy):
    """Notes each action that IAM denied to one function."""

    denied: list[str] = field(default_factory=list)

    def delivers(self, exchange: Exchange) -> bool:
        if exchange.method == "HEAD" and exchange.status == HTTPStatus.FORBIDDEN:
            # This answer has no body. HeadObject is allowed by GetObject.
            self.denied.append("s3:GetObject")
        self.denied += _DENIED.findall(exchange.body.decode("utf-8", "replace"))
        return True


@dataclass(frozen=True)
class World:
    """`witnesses` has two proxies for each function: before MiniStack, and before the emulator of Amazon Bedrock."""

    stack: Stack
    emulator: Emulator
    api: httpx.Client
    events_url: str
    witnesses: Mapping[str, tuple[Witness, Witness]] = field(default_factory=dict)

    # ---------------------------------------------------------------------------------------- the front address

    def request(self, **fields: object) -> dict[str, Any]:
        return {"text": f"A lighthouse {uuid.uuid4()}", "width": 512, "height": 512, "seed": 1, **fields}

    def generate(self, request: Mapping[str, Any] | None = None, **headers: str) -> httpx.Response:
        return self.api.post("/generate", json=request or self.request(), headers=headers)

    def image(self) -> dict[str, Any]:
        """The details of a new image."""
        details: dict[str, Any] = self.generate().raise_for_status().json()["details"][0]
        return details

    def job(self, **fields: object) -> str:
        """The id of a new job."""
        accepted = self.api.post("/generate", json=self.request(**fields), headers=ASYNC).raise_for_status()
        name: str = accepted.json()["id"]
        return name

    def job_now(self, job: str) -> dict[str, Any]:
        state: dict[str, Any] = self.api.get(f"/jobs/{job}").raise_for_status().json()
        return state

    def after(self, job: str, *, until_denied: bool = False) -> str:
        """How the job ended, or that it waits because a call of the worker was denied."""

        def ended() -> str:
            state = self.job_now(job)
            if state["status"] in {"succeeded", "failed", "cancelled"}:
                return f"job {state['status']}{_problem(state['problem'])}"
            return f"job stays {state['status']}" if until_denied and self.denials("WorkerFunction") else ""

        return eventually(ended)

    # ---------------------------------------------------------------------------------------- webhooks

    def webhook_job(self) -> str:
        """The id of a new job whose receiver accepts no connection."""
        self.api.post("/webhooks/secret").raise_for_status()
        return self.job(webhook_url="https://127.0.0.1:9/")

    def delivery(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"/jobs/{job}/deliveries").raise_for_status().json()["deliveries"][0]
        return found

    def tried(self, job: str, function: str, times: int = 1) -> str:
        """How often a job's webhook was tried, when it was tried so often or a call of the function was denied."""

        def seen() -> str:
            tries = len(self.delivery(job)["attempts"])
            return f"tries of the webhook: {tries}" if tries >= times or self.denials(function) else ""

        return eventually(seen)

    # ---------------------------------------------------------------------------------------- what happened inside

    def denials(self, function: str) -> set[str]:
        return {action for witness in self.witnesses[function] for action in witness.denied}

    def forget_denials(self) -> None:
        for witness in (each for both in self.witnesses.values() for each in both):
            witness.denied.clear()

    def announced(self, generation_id: str, function: str) -> str:
        """What became of a generation's event."""
        return eventually(
            lambda: "event received" if self._hears(generation_id) else self._missed(generation_id, function)
        )

    def _hears(self, generation_id: str) -> bool:
        found = self.stack.client("sqs").receive_message(QueueUrl=self.events_url, MaxNumberOfMessages=10)
        return any(generation_id in message["Body"] for message in found.get("Messages", []))

    def _missed(self, generation_id: str, function: str) -> str:
        lines = self.stack.client("logs").filter_log_events(logGroupName=self.stack.resource(LOGS[function]))["events"]
        missed = (line["message"] for line in lines if '"An event was not published"' in line["message"])
        line = next((json.loads(each) for each in missed if generation_id in each), None)
        return f"no event; the log says “{line['message']}” ({line['aws_error']})" if line else ""

    # ---------------------------------------------------------------------------------------- its parts, as root

    @property
    def table(self) -> Any:  # noqa: ANN401 - an untyped client
        return self.stack.client("dynamodb")

    @property
    def sqs(self) -> Any:  # noqa: ANN401 - an untyped client
        return self.stack.client("sqs")

    @property
    def queue(self) -> str:
        url: str = self.stack.description["queue_url"]
        return url

    @property
    def dead_letters(self) -> str:
        url: str = self.stack.description["dead_letter_queue_url"]
        return url

    @property
    def webhooks(self) -> str:
        return self.stack.resource("WebhookQueue")

    def waiting_in(self, queue: str) -> int:
        name = "ApproximateNumberOfMessages"
        return int(self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name])

    def record(self, key: str) -> dict[str, Any]:
        table = self.stack.description["table"]
        item: dict[str, Any] = self.table.get_item(TableName=table, Key={"id": {"S": key}})["Item"]
        return item

    def write(self, item: Mapping[str, Any]) -> None:
        self.table.put_item(TableName=self.stack.description["table"], Item=item)

    def erase(self, key: str) -> None:
        self.table.delete_item(TableName=self.stack.description["table"], Key={"id": {"S": key}})

    def call(self, function: str) -> str:
        """How a scheduled function ended."""
        answer = self.stack.client("lambda").invoke(FunctionName=self.stack.description["functions"][function])
        content = json.load(answer["Payload"])
        return f"function error `{content['errorType']}`" if "FunctionError" in answer else "function ended"

    # ---------------------------------------------------------------------------------------- its roles

    def as_role(self, function: str, service: str, **overrides: str) -> Any:  # noqa: ANN401 - any service's client
        """A client with the credentials of the function's role."""
        near = self.witnesses[function][service == "bedrock-runtime"].url
        return self.stack.client(service, **_credentials(self.stack, function), **{"endpoint_url": near, **overrides})

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """Take this permission away from the deployed role for as long as the context lasts."""
        iam = self.stack.client("iam")
        names = {"RoleName": self.stack.resource(permission.role), "PolicyName": permission.policy}
        whole = iam.get_role_policy(**names)["PolicyDocument"]
        statements = [*_reduced(whole["Statement"], permission)]
        with ExitStack() as restored:
            restored.callback(iam.put_role_policy, **names, PolicyDocument=json.dumps(whole))
            if statements:
                iam.put_role_policy(**names, PolicyDocument=json.dumps({**whole, "Statement": statements}))
            else:
                iam.delete_role_policy(**names)
            yield


@contextmanager
def witnessed(stack: Stack) -> Iterator[Mapping[str, tuple[Witness, Witness]]]:
    """Put a witness between each function and its services for as long as the context lasts."""
    with ExitStack() as left:
        witnesses = {}
        for name in stack.description["functions"]:
            targets = (stack.description["aws_endpoint_url"], stack.description["bedrock_url"])
            aws, bedrock = (left.enter_context(running(Witness(target))) for target in targets)
            witnesses[name] = aws, bedrock
            there = {"AWS_ENDPOINT_URL": aws.url, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.url}
            if name == "AuditorFunction":
                there["AWS_ENDPOINT_URL_BEDROCK"] = bedrock.url
            left.enter_context(changed(stack, name, there))
        yield witnesses


@contextmanager
def changed(stack: Stack, function: str, changes: Mapping[str, str]) -> Iterator[None]:
    """Change a function's environment for as long as the context lasts; each change starts new execution
    environments."""
    functions, name = stack.client("lambda"), stack.description["functions"][function]
    original = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": original | changes})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": original})


@contextmanager
def listening(stack: Stack) -> Iterator[str]:
    """The URL of a queue that receives the stack's events."""
    name = f"witness-{uuid.uuid4()}"
    sqs, events = stack.client("sqs"), stack.client("events")
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["text-to-image-api"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    try:
        yield url
    finally:
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)
        sqs.delete_queue(QueueUrl=url)


@contextmanager
def unscheduled(stack: Stack) -> Iterator[None]:
    """Run the sweeper only when a scenario does."""
    events = stack.client("events")
    rules = [rule["Name"] for rule in events.list_rules()["Rules"] if "ScheduleExpression" in rule]
    _each(rules, lambda name: events.disable_rule(Name=name))
    try:
        yield
    finally:
        _each(rules, lambda name: events.enable_rule(Name=name))


def told(answer: httpx.Response) -> str:
    """An answer in a few words."""
    if answer.is_success or answer.is_redirect:
        return str(answer.status_code)
    if "json" not in answer.headers.get("content-type", ""):
        return str(answer.status_code)
    return f"{answer.status_code}{_problem(answer.json())}"


def _problem(problem: Mapping[str, Any] | None) -> str:
    if problem is None:
        return ""
    cause = f" ({problem['aws_error']})" if problem.get("aws_error") else ""
    return f" `{problem['code']}`{cause}"


def _reduced(statements: Any, permission: Permission) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - one or several
    for number, statement in enumerate(listed(statements)):
        if number != permission.statement:
            yield statement
            continue
        actions, resources = listed(statement["Action"]), listed(statement["Resource"])
        if others := [action for action in actions if action != permission.action]:
            yield {**statement, "Action": others}
        if elsewhere := [each for place, each in enumerate(resources) if place != permission.place]:
            yield {**statement, "Action": permission.action, "Resource": elsewhere}


@functools.cache
def _credentials(stack: Stack, function: str) -> Mapping[str, str]:
    real = stack.description["functions"][function]
    return credentials_of(stack, stack.client("lambda").get_function_configuration(FunctionName=real)["Role"])


def _each(names: list[str], do: Callable[[str], object]) -> None:
    for name in names:
        do(name)
