"""GET and DELETE /images/{id}.png: a lasting link, for its owner only."""

from urllib.parse import urlsplit

import pytest

from api.app import lambda_handler
from aws.bedrock import BedrockError
from aws.table import Record
from bootstrap import Services
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.lambda_runtime import CALLER, FakeContext
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send
from tests.unit.doors import at_call, work

ANOTHER = "fedcba9876543210"
NOBODYS = "0ccb4f4e-8a3b-4a0c-9d61-3f1b3f0c9a11"


@pytest.fixture
def link(send: Send) -> str:
    """The path of an image's lasting link."""
    link = send("POST", "/generate", {"text": "a fox"}).json["details"][0]["link"]
    return urlsplit(link).path.removeprefix("/api")


def test_the_lasting_link_redirects_to_a_fresh_presigned_one(send: Send, link: str, bucket: FakeBucket) -> None:
    answer = send("GET", link)

    (image_id,) = bucket.objects
    assert answer.status == 302
    assert answer.headers["location"] == f"https://bucket.example/{image_id}"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-request-id"]


def image_records(table: FakeTable) -> list[Record]:
    return [record for key, record in table.records.items() if key.startswith("image#")]


def test_a_deleted_image_is_gone_from_the_bucket_and_its_facts_from_the_table(
    send: Send, link: str, bucket: FakeBucket, table: FakeTable
) -> None:
    answer = send("DELETE", link)

    assert (answer.status, answer.text) == (204, "")
    assert bucket.objects == {}
    (record,) = image_records(table)
    assert record.keys() == {"id", "expiration", "owner", "epoch", "is_deleted", "deleted_at"}
    assert send("GET", link).status == 404
    assert send("DELETE", link).status == 404


def facts(table: FakeTable) -> list[str]:
    """What the records of generations tell of an image."""
    generations = [record for key, record in table.records.items() if key.startswith("generation#")]
    return [name for name in ("sha256", "native_width", "'bytes'") if name in str(generations)]


def test_a_deleted_images_facts_are_gone_from_its_generation_too(send: Send, link: str, table: FakeTable) -> None:
    before = {key: record for key, record in table.records.items() if key.startswith("generation#")}
    assert facts(table)

    send("DELETE", link)

    assert facts(table) == []
    for key, record in before.items():
        kept = ("ended_at", "expiration", "status", "spent", "calls", "request_hash")
        assert [table.records[key][name] for name in kept] == [record[name] for name in kept]


@pytest.mark.parametrize("moment", ["between attempts", "during an attempt", "while an attempt begins and ends"])
def test_facts_of_an_image_that_is_deleted_while_its_generation_runs_are_not_kept(
    send: Send,
    services: Services,
    bedrock: FakeBedrock,
    bucket: FakeBucket,
    table: FakeTable,
    wall: FakeClock,
    moment: str,
) -> None:
    bedrock.ratio_size = (1024, 1024)
    deleted: list[str] = []

    def delete() -> None:
        (image,) = services.gallery.listed(CALLER, 9)[0]
        services.eraser.delete(CALLER, image.image.id)
        deleted.append(image.image.id)

    body = {"text": "a fox", "model": "core", "number_of_images": 2}
    bedrock.by_seed[43] = BedrockError("ThrottlingException")
    job_id = send("POST", "/generate", body, prefer="respond-async").json["id"]
    work(job_id)
    del bedrock.by_seed[43]
    wall.advance(121)
    if moment == "between attempts":
        delete()
    elif moment == "during an attempt":
        bedrock.meanwhile.append(delete)
    else:
        with at_call(0, bucket, "delete", before=lambda: work(job_id)):
            delete()
    assert work(job_id)

    result = send("GET", f"/jobs/{job_id}").json["result"]
    assert [(detail["status"], detail["seed"]) for detail in result["details"]] == [("deleted", 42), ("stored", 43)]
    assert result["details"][0]["id"] == deleted[0]
    assert len(bedrock.calls) == 3
    settled = table.records[f"generation#{job_id}"]["settled"]
    assert set(settled["0"]) <= {"status", "id", "seed", "seed_index"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_callers_image_is_not_there(send: Send, link: str, bucket: FakeBucket, method: str) -> None:
    answer = send(method, link, caller=ANOTHER)
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert bucket.objects


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", [NOBODYS, "x", "..", "%2e%2e", NOBODYS.upper(), "a" * 2000])
def test_an_unknown_image_is_not_there(send: Send, method: str, name: str) -> None:
    assert send(method, f"/images/{name}.png").status == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "HEAD"])
def test_a_wrong_method_is_answered_with_the_allowed_ones(send: Send, link: str, method: str) -> None:
    answer = send(method, link)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, DELETE")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_table_that_does_not_answer_is_told(send: Send, link: str, table: FakeTable, method: str) -> None:
    table.refusals.append("ProvisionedThroughputExceededException")
    answer = send(method, link)
    assert (answer.status, answer.json["code"]) == (503, "dependency_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_a_deletion_that_failed_half_way_can_be_repeated(
    send: Send, link: str, bucket: FakeBucket, table: FakeTable
) -> None:
    bucket.refusals.append("SlowDown")
    assert send("DELETE", link).json["code"] == "storage_failed"
    assert table.records
    assert send("DELETE", link).status == 204
    assert bucket.objects == {}


def test_the_record_holds_facts_and_never_the_prompt(send: Send, link: str, table: FakeTable) -> None:  # noqa: ARG001
    (record,) = image_records(table)
    assert record["owner"] == "0123456789abcdef"
    assert record["model"] == "amazon.titan-image-generator-v2:0"
    assert "a fox" not in str(record)


@pytest.mark.usefixtures("services")
def test_a_direct_invocation_owns_its_images(table: FakeTable) -> None:
    lambda_handler({"text": "a fox"}, FakeContext())
    assert [record["owner"] for record in image_records(table)] == ["direct"]
