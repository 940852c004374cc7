"""`make erase` where it must not go on: a job that runs, or whose record is malformed. tests/e2e has the rest."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import boto3
import pytest

from bootstrap import Services
from imaging.deadline import Deadline
from imaging.records.record import GenerationRecord
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from imaging.requests.webhook import Webhook
from settings import Settings
from tests.integration.conftest import TABLE

pytestmark = pytest.mark.usefixtures("aws")

OWNER = "0123456789abcdef"


@pytest.fixture
def erase(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, which never waits."""
    spec = importlib.util.spec_from_file_location("erase", Path(__file__).parents[2] / "examples" / "erase.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "erase", program)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "LONGEST_WAIT_SECONDS", -1)
    return program


@pytest.fixture
def services() -> Services:
    queue_url = boto3.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    return Services.on_aws(Settings.from_environment().model_copy(update={"queue_url": queue_url}))


@pytest.fixture
def job(services: Services) -> GenerationRecord:
    accepted = services.generations.enqueue(Submission.unique(GenerationRequest(text="a fox"), OWNER))
    assert isinstance(accepted, GenerationRecord)
    return accepted


def there() -> set[str]:
    return {item["id"]["S"].partition("#")[0] for item in boto3.client("dynamodb").scan(TableName=TABLE)["Items"]}


def test_a_job_that_waits_is_cancelled_and_erased(erase: ModuleType, services: Services, job: GenerationRecord) -> None:
    assert "1 generations" in erase.Erasure(services, OWNER).run()
    assert there() == {"generation"}
    stub = services.store.find(job.id)
    assert stub is not None
    assert (stub.owner, stub.status, stub.request, stub.request_hash) == ("", "cancelled", None, "")


def test_webhooks_their_secrets_and_their_log_are_erased(erase: ModuleType, services: Services) -> None:
    secret = services.endpoints.rotate(OWNER, 0).secrets[0].secret
    services.endpoints.set_url(OWNER, "https://receiver.example/hook?token=private", "url")
    submission = Submission.unique(GenerationRequest(text="a fox"), OWNER)
    webhook = Webhook(url="https://receiver.example/hook?token=private", address="https://api.example")
    job = services.generations.enqueue(submission.with_webhook(webhook))
    services.generations.cancel(OWNER, job.id)
    another = services.endpoints.rotate("fedcba9876543210", 0)
    assert there() == {"generation", "webhook", "delivery", "due", "jobs"}
    erase.Erasure(services, OWNER).run()
    left = str(boto3.client("dynamodb").scan(TableName=TABLE)["Items"])
    assert there() == {"webhook"}
    assert another.secrets[0].secret in left
    assert secret not in left
    assert "receiver.example" not in left


def test_a_generation_that_runs_is_waited_for_and_not_erased(
    erase: ModuleType, services: Services, job: GenerationRecord
) -> None:
    services.store.begin(job, 0, Deadline.after(100))
    with pytest.raises(erase.Refused, match="1 generations still run"):
        erase.Erasure(services, OWNER).run()
    assert services.store.find(job.id) is not None


def test_a_malformed_job_is_left_to_the_sweeper(erase: ModuleType, services: Services, job: GenerationRecord) -> None:
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"id": {"S": f"generation#{job.id}"}},
        UpdateExpression="SET calls = :calls",
        ExpressionAttributeValues={":calls": {"N": "7"}},
    )
    with pytest.raises(erase.Refused, match="malformed"):
        erase.Erasure(services, OWNER).run()


def test_the_keys_name_is_erased_and_its_caps_stay(erase: ModuleType, services: Services) -> None:
    item = {"id": {"S": f"key#{OWNER}"}, "budget_usd": {"N": "5"}}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item={**item, "name": {"S": "a person"}})
    erase.Erasure(services, OWNER).run()
    assert boto3.client("dynamodb").scan(TableName=TABLE)["Items"] == [item]


def test_another_callers_records_stay(erase: ModuleType, services: Services, job: GenerationRecord) -> None:
    assert "0 generations" in erase.Erasure(services, "fedcba9876543210").run()
    assert services.generations.get(OWNER, job.id).status == "queued"
