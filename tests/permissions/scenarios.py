"""What needs each permission. A scenario prepares the stack, and yields an act that returns what one saw."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

import httpx
from botocore.exceptions import ClientError

from checks.permissions import PROFILE, SUCCESSOR, Permission
from tests.e2e.laptop import eventually
from tests.permissions.world import World, changed, told

Act = Callable[[], str]
Scenario = Callable[[World, Permission], AbstractContextManager[Act]]

# ------------------------------------------------------------------------------------------------ the front address


@contextmanager
def generate_an_image(world: World, _: Permission) -> Iterator[Act]:
    yield lambda: told(world.generate())


@contextmanager
def generate_with_this_model(world: World, permission: Permission) -> Iterator[Act]:
    request = world.request(model=_model(permission), width=1024, height=1024)
    yield lambda: told(world.generate(request))
    _forget_a_refusal(world, permission)


@contextmanager
def check_the_health_in_depth(world: World, permission: Permission) -> Iterator[Act]:
    def act() -> str:
        health = world.api.get("/health", params={"deep": "true"}).json()
        details = {part["name"]: part.get("detail") for part in health["checks"]}
        if permission.action.startswith("s3:"):
            return details["bucket"] or "bucket ok"
        return health["prompt_logging"][0].get("detail") or "prompt logging known"

    yield act


@contextmanager
def open_an_images_link(world: World, _: Permission) -> Iterator[Act]:
    link = world.generate().raise_for_status().json()["images"][0]
    yield lambda: _opened(link)


@contextmanager
def open_a_rendition(world: World, _: Permission) -> Iterator[Act]:
    image = world.image()["id"]

    def act() -> str:
        answer = world.api.get(f"/images/{image}.webp", params={"width": 256})
        return _opened(answer.headers["location"]) if answer.is_redirect else told(answer)

    yield act


@contextmanager
def delete_an_image_and_its_renditions(world: World, _: Permission) -> Iterator[Act]:
    image = world.image()["id"]
    world.api.get(f"/images/{image}.webp", params={"width": 256})
    yield lambda: told(world.api.delete(f"/images/{image}.png"))


@contextmanager
def repeat_a_request(world: World, _: Permission) -> Iterator[Act]:
    request = world.request()
    world.generate(request).raise_for_status()
    yield lambda: told(world.generate(request))


@contextmanager
def list_ones_images(world: World, _: Permission) -> Iterator[Act]:
    yield lambda: told(world.api.get("/images"))


@contextmanager
def hear_of_a_generation(world: World, _: Permission) -> Iterator[Act]:
    yield lambda: world.announced(world.generate().raise_for_status().json()["id"], "ApiFunction")


@contextmanager
def order_a_job(world: World, _: Permission) -> Iterator[Act]:
    with world.stack.worker_paused():
        yield lambda: told(world.generate(Prefer="respond-async"))


# ------------------------------------------------------------------------------------------------ jobs


@contextmanager
def run_a_job(world: World, permission: Permission) -> Iterator[Act]:
    with _ended_afterwards(world) as job:
        yield lambda: world.after(job(), until_denied=permission.action.startswith("dynamodb:"))


@contextmanager
def run_a_job_with_this_model(world: World, permission: Permission) -> Iterator[Act]:
    yield lambda: world.after(world.job(model=_model(permission), width=1024, height=1024))
    _forget_a_refusal(world, permission)


@contextmanager
def hear_of_a_job(world: World, _: Permission) -> Iterator[Act]:
    yield lambda: world.announced(world.job(), "WorkerFunction")


@contextmanager
def resume_a_crashed_job(world: World, permission: Permission) -> Iterator[Act]:
    """The first attempt crashed after it had stored the image, before it had written the image's record."""
    with world.stack.worker_paused():
        job = world.job()
        queued = world.record(f"generation#{job}")
    world.after(job)
    image = world.job_now(job)["result"]["details"][0]["id"]
    _crash(world, job, image, queued)
    world.emulator.forget()

    def act() -> str:
        world.sqs.send_message(QueueUrl=world.queue, MessageBody=job)
        ended = world.after(job, until_denied=permission.action.startswith("dynamodb:"))
        return f"{ended}, {len(world.emulator.calls())} new model calls"

    yield act
    _end(world, job)


@contextmanager
def wait_for_a_throttled_model(world: World, _: Permission) -> Iterator[Act]:
    world.emulator.configure(faults=[{"model": "*", "error": "ThrottlingException", "times": 3}])
    with _ended_afterwards(world) as job:
        yield lambda: world.after(job(), until_denied=True)
    world.emulator.configure()


@contextmanager
def drop_a_foreign_message(world: World, _: Permission) -> Iterator[Act]:
    world.sqs.purge_queue(QueueUrl=world.dead_letters)

    def seen() -> str:
        if world.waiting_in(world.dead_letters):
            return "message in the dead-letter queue"
        return "message stays in the queue" if world.denials("WorkerFunction") else ""

    def act() -> str:
        world.sqs.send_message(QueueUrl=world.queue, MessageBody="no job of ours")
        return eventually(seen)

    yield act
    _purge(world)


# ------------------------------------------------------------------------------------------------ webhooks


@contextmanager
def hear_of_a_job_by_webhook(world: World, permission: Permission) -> Iterator[Act]:
    def act() -> str:
        job = world.webhook_job()
        world.after(job)
        return world.tried(job, permission.function)

    yield act
    _forget_webhooks(world)


@contextmanager
def hear_of_a_cancelled_job_by_webhook(world: World, permission: Permission) -> Iterator[Act]:
    def act() -> str:
        with world.stack.worker_paused():
            job = world.webhook_job()
            world.api.delete(f"/jobs/{job}").raise_for_status()
        return world.tried(job, permission.function)

    yield act
    _forget_webhooks(world)


@contextmanager
def try_a_webhook_again(world: World, permission: Permission) -> Iterator[Act]:
    def act() -> str:
        job = world.webhook_job()
        world.after(job)
        return world.tried(job, permission.function, times=2)

    yield act
    _forget_webhooks(world)


@contextmanager
def resend_a_lost_webhook(world: World, _: Permission) -> Iterator[Act]:
    with world.stack.paused("WebhookFunction"):
        job = world.webhook_job()
        world.after(job)
        world.sqs.purge_queue(QueueUrl=world.webhooks)
        delivery = world.delivery(job)["id"]
        world.write({**world.record(f"delivery#{delivery}"), "due_at": {"N": "1"}})
        world.write({**world.record(f"due#{delivery}"), "listed_at": {"N": "1"}})

        def act() -> str:
            world.call("SweeperFunction")
            return f"{world.waiting_in(world.webhooks)} message in the queue"

        yield act
        world.sqs.purge_queue(QueueUrl=world.webhooks)
    _forget_webhooks(world)


# ------------------------------------------------------------------------------------------------ the sweeper


@contextmanager
def settle_a_crashed_request(world: World, _: Permission) -> Iterator[Act]:
    generation, image = _crashed_request(world)

    def act() -> str:
        world.call("SweeperFunction")
        status = world.record(f"generation#{generation}")["status"]["S"]
        found = world.api.get(f"/images/{image}.png").is_redirect
        return f"record {status}, image {'found' if found else 'not found'}"

    yield act
    world.call("SweeperFunction")


@contextmanager
def hear_of_a_crashed_request(world: World, _: Permission) -> Iterator[Act]:
    generation, _image = _crashed_request(world)
    world.announced(generation, "ApiFunction")

    def act() -> str:
        world.call("SweeperFunction")
        return world.announced(generation, "SweeperFunction")

    yield act


@contextmanager
def resend_a_lost_message(world: World, _: Permission) -> Iterator[Act]:
    with world.stack.worker_paused():
        job = world.job()
        world.sqs.purge_queue(QueueUrl=world.queue)
        record = world.record(f"generation#{job}")
        world.write({**record, "due_at": {"N": "1"}, "listed_at": {"N": "1"}})

        def act() -> str:
            world.call("SweeperFunction")
            return f"{world.waiting_in(world.queue)} message in the queue"

        yield act
        _end(world, job)
    _purge(world)


# ------------------------------------------------------------------------------------------------ the auditor


@contextmanager
def compare_the_ledger_and_the_models(world: World, _: Permission) -> Iterator[Act]:
    """There is an earlier comparison, and some minutes have passed since."""
    world.call("AuditorFunction")
    world.write({**world.record("audit#ledger"), "until": {"N": "1767225600"}})
    yield lambda: world.call("AuditorFunction")


# ------------------------------------------------------------------------------------------------ what Lambda does


@contextmanager
def poll_the_queue(world: World, permission: Permission) -> Iterator[Act]:
    """Lambda receives and deletes the messages with the function's role."""
    with world.stack.paused(permission.function):
        queue = world.webhooks if permission.function == "WebhookFunction" else world.queue
        world.sqs.send_message(QueueUrl=queue, MessageBody="proof")
        polled = {"QueueUrl": queue}
        if permission.action == "sqs:DeleteMessage":
            (message,) = world.sqs.receive_message(**polled)["Messages"]
            polled["ReceiptHandle"] = message["ReceiptHandle"]
        sqs = world.as_role(permission.function, "sqs")
        calls = {
            "sqs:ReceiveMessage": sqs.receive_message,
            "sqs:DeleteMessage": sqs.delete_message,
            "sqs:GetQueueAttributes": sqs.get_queue_attributes,
        }
        yield lambda: _tried(lambda: calls[permission.action](**polled))
        world.sqs.purge_queue(QueueUrl=queue)


@contextmanager
def call_this_model_from_its_region(world: World, permission: Permission) -> Iterator[Act]:
    """As a stack does that is deployed there."""
    region = permission.resource.rpartition(" in ")[2]
    bedrock = world.as_role(permission.function, "bedrock-runtime", region_name=region)
    body = json.dumps({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "A lighthouse"}})
    yield lambda: _tried(lambda: bedrock.invoke_model(modelId=_model(permission), body=body))


# ------------------------------------------------------------------------------------------------ what AWS alone does


@contextmanager
def ask_the_policy_simulator(world: World, permission: Permission) -> Iterator[Act]:
    """MiniStack writes logs without the role, and knows no inference profiles."""
    role = f"arn:aws:iam::000000000000:role/{world.stack.resource(permission.role)}"

    def act() -> str:
        answer = world.stack.client("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[permission.action], ResourceArns=[_arn_on_aws(world, permission)]
        )
        decision: str = answer["EvaluationResults"][0]["EvalDecision"]
        if decision != "allowed":
            world.witnesses[permission.function][0].denied.append(permission.action)
        return decision

    yield act


def _arn_on_aws(world: World, permission: Permission) -> str:
    if permission.action == "bedrock:InvokeModel":
        return PROFILE
    group = world.stack.resource(permission.resource)
    return f"arn:aws:logs:{world.stack.description['region']}:000000000000:log-group:{group}:log-stream:any"


SCENARIOS: list[tuple[str, str, str, Scenario]] = [
    ("*", "logs:*", "*", ask_the_policy_simulator),
    ("*", "bedrock:InvokeModel", "InferenceProfileArns", ask_the_policy_simulator),
    ("*", "bedrock:InvokeModel", "*/amazon.titan-image-generator-v2:0 in us-west-2", call_this_model_from_its_region),
    ("*", "bedrock:InvokeModel", "*/amazon.nova-canvas-v1:0 in [!u]*", call_this_model_from_its_region),
    ("ApiFunction", "bedrock:InvokeModel", "foundation-model/*", generate_with_this_model),
    ("ApiFunction", "bedrock:InvokeModel", "MoreModels", generate_with_this_model),
    ("ApiFunction", "bedrock:GetModelInvocationLoggingConfiguration", "*", check_the_health_in_depth),
    ("ApiFunction", "s3:PutObject", "ImageBucket/generated_images/*", generate_an_image),
    ("ApiFunction", "s3:GetObject", "ImageBucket/generated_images/*", open_an_images_link),
    ("ApiFunction", "s3:DeleteObject", "ImageBucket/*", delete_an_image_and_its_renditions),
    ("ApiFunction", "s3:*Object", "ImageBucket/renditions/*", open_a_rendition),
    ("ApiFunction", "s3:ListBucket", "ImageBucket", delete_an_image_and_its_renditions),
    ("ApiFunction", "s3:GetBucketLocation", "ImageBucket", check_the_health_in_depth),
    ("ApiFunction", "dynamodb:*GetItem", "Table", repeat_a_request),
    ("ApiFunction", "dynamodb:DeleteItem", "Table", delete_an_image_and_its_renditions),
    ("ApiFunction", "dynamodb:Query", "Table/index/*", list_ones_images),
    ("ApiFunction", "dynamodb:*", "Table", generate_an_image),
    ("ApiFunction", "events:PutEvents", "*", hear_of_a_generation),
    ("ApiFunction", "sqs:SendMessage", "Queue", order_a_job),
    ("ApiFunction", "sqs:SendMessage", "WebhookQueue", hear_of_a_cancelled_job_by_webhook),
    ("AuditorFunction", "*", "*", compare_the_ledger_and_the_models),
    ("WorkerFunction", "bedrock:InvokeModel", "foundation-model/*", run_a_job_with_this_model),
    ("WorkerFunction", "bedrock:InvokeModel", "MoreModels", run_a_job_with_this_model),
    ("WorkerFunction", "s3:PutObject", "*", run_a_job),
    ("WorkerFunction", "s3:GetObject", "*", resume_a_crashed_job),
    ("WorkerFunction", "dynamodb:BatchGetItem", "Table", resume_a_crashed_job),
    ("WorkerFunction", "dynamodb:*", "Table", run_a_job),
    ("WorkerFunction", "events:PutEvents", "*", hear_of_a_job),
    ("WorkerFunction", "sqs:ChangeMessageVisibility", "Queue", wait_for_a_throttled_model),
    ("WorkerFunction", "sqs:SendMessage", "DeadLetterQueue", drop_a_foreign_message),
    ("WorkerFunction", "sqs:SendMessage", "WebhookQueue", hear_of_a_job_by_webhook),
    ("WorkerFunction", "sqs:*", "Queue", poll_the_queue),
    ("WebhookFunction", "dynamodb:*", "Table", hear_of_a_job_by_webhook),
    ("WebhookFunction", "sqs:ChangeMessageVisibility", "WebhookQueue", try_a_webhook_again),
    ("WebhookFunction", "sqs:*", "WebhookQueue", poll_the_queue),
    ("SweeperFunction", "events:PutEvents", "*", hear_of_a_crashed_request),
    ("SweeperFunction", "sqs:SendMessage", "Queue", resend_a_lost_message),
    ("SweeperFunction", "sqs:SendMessage", "WebhookQueue", resend_a_lost_webhook),
    ("SweeperFunction", "*", "*", settle_a_crashed_request),
]
"""The first row that matches a permission's function, action and resource names its scenario."""


_DEPENDING = {
    generate_with_this_model,
    run_a_job_with_this_model,
    call_this_model_from_its_region,
    check_the_health_in_depth,
    poll_the_queue,
    ask_the_policy_simulator,
}


@dataclass(frozen=True)
class Named:
    """A scenario, and whether what it does depends on the permission."""

    name: str
    run: Scenario

    @property
    def depends(self) -> bool:
        return self.run in _DEPENDING


def scenario_of(permission: Permission) -> Named:
    """Raises LookupError for a permission that no scenario needs."""
    for function, action, resource, scenario in SCENARIOS:
        granted = (permission.function, function), (permission.action, action), (permission.resource, resource)
        if all(fnmatchcase(value, pattern) for value, pattern in granted):
            return Named(scenario.__name__.replace("_", " "), scenario)
    raise LookupError(f"No scenario needs {permission}: remove it from the template, or write one.")


def _model(permission: Permission) -> str:
    if permission.resource == "MoreModels":
        return SUCCESSOR.rpartition("/")[2]
    return permission.resource.removeprefix("foundation-model/").partition(" ")[0]


def _forget_a_refusal(world: World, permission: Permission) -> None:
    """A new execution environment remembers no refusal of a model."""
    if world.denials(permission.function):
        with changed(world.stack, permission.function, {}):
            pass


def _opened(link: str) -> str:
    return told(httpx.get(link, trust_env=False))


def _tried(call: Callable[[], object]) -> str:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


@contextmanager
def _ended_afterwards(world: World) -> Iterator[Callable[[], str]]:
    """Yields a function that orders a job, which is ended with the context."""
    jobs = []

    def order() -> str:
        jobs.append(world.job())
        return jobs[-1]

    yield order
    for job in jobs:
        _end(world, job)


def _end(world: World, job: str) -> None:
    world.api.delete(f"/jobs/{job}")
    world.after(job)


def _purge(world: World) -> None:
    for queue in (world.queue, world.dead_letters):
        world.sqs.purge_queue(QueueUrl=queue)


def _forget_webhooks(world: World) -> None:
    world.api.delete("/webhooks").raise_for_status()


def _crashed_request(world: World) -> tuple[str, str]:
    """The ids of a generation that is no job, whose attempt crashed, and of its image."""
    answer = world.generate().raise_for_status().json()
    generation, image = answer["id"], answer["details"][0]["id"]
    record = world.record(f"generation#{generation}")
    _crash(world, generation, image, {name: record[name] for name in record.keys() - {"result", "settled"}})
    return generation, image


def _crash(world: World, generation: str, image: str, record: dict[str, object]) -> None:
    """Leave the table as an attempt leaves it that has stored its image and crashed, and whose lease is over."""
    ended = world.record(f"generation#{generation}")
    reserved = {"N": "10000"}
    _reserve(world, ended["owner"]["S"], ended["month"], reserved)
    attempt = {name: ended[name] for name in ("attempt", "attempts", "month", "started_at", "epoch", "revision")}
    due = {"lease_until": {"N": "1"}, "due_at": {"N": "1"}, "listing": {"S": "due"}, "listed_at": {"N": "1"}}
    world.write({**record, **attempt, **due, "status": {"S": "running"}, "reserved": reserved})
    world.erase(f"image#{image}")


def _reserve(world: World, owner: str, month: dict[str, str], amount: dict[str, str]) -> None:
    for scope in (owner, "stack"):
        world.table.update_item(
            TableName=world.stack.description["table"],
            Key={"id": {"S": f"spend#{month['S']}#{scope}"}},
            UpdateExpression="ADD committed :amount",
            ExpressionAttributeValues={":amount": amount},
        )
