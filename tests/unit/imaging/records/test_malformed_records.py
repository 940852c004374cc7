"""A record that makes no sense is a logged bug and a 500 or a failed job: never a paid call, never a loop."""

import io
from typing import Any

import pytest

from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import at_call, refuse, sweep, work

FOX = {"text": "a fox"}
ASYNC = {"prefer": "respond-async"}
GONE = "gone"

MALFORMED = [
    {"status": GONE},
    {"status": "sleeping"},
    {"owner": GONE},
    {"epoch": GONE},
    {"expiration": GONE},
    {"created_at": "yesterday"},
    {"settled": {"0": {"status": "lost"}}},
    {"calls": 7},
    {"request": GONE},
    {"request": {}},
    {"request": {"text": "a fox", "style": "of an older version"}},
]


def changed(table: FakeTable, key: str, changes: dict[str, Any]) -> None:
    record = {**table.records[key], **changes}
    table.records[key] = {name: value for name, value in record.items() if value != GONE}


@pytest.fixture(params=MALFORMED, ids=str)
def job_id(request: pytest.FixtureRequest, send: Send, table: FakeTable, queue: FakeQueue) -> str:
    """A queued job, whose record somebody spoiled."""
    accepted = send("POST", "/generate", FOX, **ASYNC)
    assert accepted.status == 202
    job_id: str = accepted.json["id"]
    changed(table, f"generation#{job_id}", request.param)
    queue.sent.clear()
    return job_id


@pytest.mark.parametrize("headers", [{}, ASYNC])
@pytest.mark.usefixtures("job_id")
def test_its_request_pays_nothing(send: Send, bedrock: FakeBedrock, headers: dict[str, str]) -> None:
    _assert_bug(send("POST", "/generate", FOX, **headers))
    assert bedrock.calls == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_its_job_is_a_bug_without_details(send: Send, job_id: str, method: str, log: io.StringIO) -> None:
    answer = send(method, f"/jobs/{job_id}")
    _assert_bug(answer)
    assert "ValidationError" in log.getvalue()
    assert "a fox" not in log.getvalue() + answer.text


def _assert_bug(answer: Answer) -> None:
    assert (answer.status, answer.json["code"]) == (500, "internal_error")


def test_its_message_goes_to_the_dead_letters(job_id: str, bedrock: FakeBedrock, queue: FakeQueue) -> None:
    assert work(job_id)
    assert (queue.dead_letters, bedrock.calls) == ([job_id], [])


def test_the_sweeper_looks_at_it_again_at_its_deadline_only_and_removes_its_prompt(
    send: Send, job_id: str, table: FakeTable, queue: FakeQueue, wall: FakeClock, log: io.StringIO
) -> None:
    healthy = send("POST", "/generate", FOX | {"seed": 2}, **ASYNC).json["id"]
    queue.sent.clear()
    wall.advance(300)
    assert sweep() == 2
    assert queue.sent == [healthy]
    expires_at = table.records[f"generation#{job_id}"]["expiration"]
    assert expires_at > wall.now + 7 * 3600
    assert "ValidationError" in log.getvalue()
    assert work(healthy)
    wall.advance(300)
    assert sweep() == 0
    wall.advance(7 * 3600)
    assert [sweep(), sweep()] == [1, 0]
    assert "a fox" not in str(table.records)
    assert job_id not in queue.sent
    assert table.records[f"generation#{job_id}"]["expiration"] >= expires_at, "it expires all the same"


def make_older(table: FakeTable, key: str) -> None:
    """Leaves of an image's record what the first version wrote."""
    kept = ("id", "expiration", "owner", "model", "seed", "width", "height", "native_width", "native_height", "bytes")
    table.records[key] = {name: table.records[key][name] for name in kept}


def test_an_images_record_of_an_older_version_gives_way_to_the_same_image_made_anew(
    send: Send, table: FakeTable
) -> None:
    (detail,) = send("POST", "/generate", FOX).json["details"]
    make_older(table, f"image#{detail['id']}")
    for key in [key for key in table.records if key.startswith("generation#")]:
        del table.records[key]

    with at_call(0, table, "put", before=refuse):
        answer = send("POST", "/generate", FOX)

    assert (answer.status, answer.json["warnings"]) == (200, [])
    assert [image["id"] for image in send("GET", "/images").json["images"]] == [detail["id"]]


def test_an_images_record_of_an_older_version_is_still_its_owners(
    send: Send, bedrock: FakeBedrock, table: FakeTable
) -> None:
    (detail,) = send("POST", "/generate", FOX).json["details"]
    make_older(table, f"image#{detail['id']}")

    assert send("GET", "/images").json["images"] == []
    assert send("GET", f"/images/{detail['id']}.png").status == 302
    assert send("GET", f"/images/{detail['id']}.webp?width=64").status == 302
    assert send("GET", f"/images/{detail['id']}/provenance").status == 404
    assert send("POST", "/generate", FOX).headers["idempotent-replayed"] == "true"
    assert len(bedrock.calls) == 1
    assert send("DELETE", f"/images/{detail['id']}.png").status == 204
    assert send("GET", f"/images/{detail['id']}.png").status == 404


def test_an_images_record_that_is_malformed_holds_up_no_other_generation(
    send: Send, bedrock: FakeBedrock, table: FakeTable, queue: FakeQueue, wall: FakeClock
) -> None:
    bedrock.refuse("ThrottlingException")
    body = FOX | {"model": "core", "number_of_images": 2}
    broken = send("POST", "/generate", body, **ASYNC).json["id"]
    assert not work(broken)
    changed(table, f"generation#{broken}", {"has_lost_attempt": True})
    (image,) = [key for key in table.records if key.startswith("image#")]
    changed(table, image, {"seed": GONE})
    wall.advance(6 * 3600)
    healthy = send("POST", "/generate", FOX, **ASYNC).json["id"]
    queue.sent.clear()
    wall.advance(300)
    assert sweep() == 2
    assert queue.sent == [healthy]
