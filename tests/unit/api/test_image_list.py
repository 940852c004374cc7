"""GET /images: the caller's images, the newest first, page by page."""

import base64
import json
import uuid
from typing import Any

import pytest

from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.lambda_runtime import CALLER
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import work

ANOTHER = "fedcba9876543210"
AN_ID = str(uuid.UUID(int=7))


def make(send: Send, wall: FakeClock, images: int, caller: str = CALLER) -> list[str]:
    """So many generations of one image, a minute apart; their ids, the newest first."""
    made: list[str] = []
    for number in range(images):
        wall.advance(60)
        body = {"text": f"fox {number}"}
        made.insert(0, send("POST", "/generate", body, caller=caller).json["details"][0]["id"])
    return made


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200
    return [image["id"] for image in answer.json["images"]]


def pages(send: Send, limit: int) -> list[list[str]]:
    found, cursor = [], ""
    while cursor is not None:
        answer = send("GET", f"/images?limit={limit}{cursor and f'&cursor={cursor}'}")
        found.append(ids(answer))
        cursor = answer.json["next_cursor"]
    return found


def test_the_page_that_ends_with_the_last_image_is_the_last(send: Send) -> None:
    send("POST", "/generate", {"text": "a fox", "model": "core", "number_of_images": 4})
    assert [len(page) for page in pages(send, limit=2)] == [2, 2]


def encoded(position: Any) -> str:  # noqa: ANN401 - any JSON
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def test_an_entry_repeats_the_answers_facts_and_names_the_origin(send: Send, wall: FakeClock) -> None:
    wall.now = 1_800_000_000.25
    generation = send("POST", "/generate", {"text": "a fox", "model": "core", "number_of_images": 2}).json

    answer = send("GET", "/images")

    images = {image["id"]: image for image in answer.json["images"]}
    for detail in generation["details"]:
        image = images[detail["id"]]
        assert {name: image[name] for name in detail} == detail
        assert (image["model"], image["generation_id"]) == (generation["model"], generation["id"])
        assert (image["made_at"], image["cost_usd"]) == ("2027-01-15T08:00:00Z", 0.04)
    assert answer.json["next_cursor"] is None
    assert "a fox" not in answer.text


def test_the_newest_come_first(send: Send, wall: FakeClock) -> None:
    made = make(send, wall, 3)
    assert ids(send("GET", "/images")) == made


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_follow_on_without_gap_or_repeat(send: Send, wall: FakeClock, limit: int) -> None:
    made = make(send, wall, 5)
    found = pages(send, limit)
    assert [image for page in found for image in page] == made
    assert all(len(page) == limit for page in found[:-1])


def test_a_page_follows_although_images_were_made_and_deleted_meanwhile(send: Send, wall: FakeClock) -> None:
    made = make(send, wall, 4)
    first = send("GET", "/images?limit=2")
    send("DELETE", f"/images/{made[1]}.png")
    make(send, wall, 2)
    assert ids(send("GET", f"/images?limit=2&cursor={first.json['next_cursor']}")) == made[2:]


def test_a_page_is_of_24_unless_asked(send: Send, wall: FakeClock) -> None:
    made = make(send, wall, 25)
    assert ids(send("GET", "/images")) == made[:24]


def test_a_caller_sees_its_own_only(send: Send, wall: FakeClock) -> None:
    mine, theirs = make(send, wall, 1), make(send, wall, 1, ANOTHER)
    assert (ids(send("GET", "/images")), ids(send("GET", "/images", caller=ANOTHER))) == (mine, theirs)
    assert ids(send("GET", "/images", caller="direct")) == []


def test_a_deleted_image_is_gone(send: Send, wall: FakeClock) -> None:
    newest, oldest = make(send, wall, 2)
    send("DELETE", f"/images/{newest}.png")
    assert ids(send("GET", "/images")) == [oldest]


def test_an_expired_image_is_not_found(send: Send, wall: FakeClock) -> None:
    make(send, wall, 1)
    wall.advance(30 * 86_400)
    assert ids(send("GET", "/images")) == []


def test_images_of_a_job_under_way_are_there(send: Send, bedrock: FakeBedrock, bucket: FakeBucket) -> None:
    bedrock.refuse("ThrottlingException")
    body = {"text": "a fox", "model": "core", "number_of_images": 2}
    assert not work(send("POST", "/generate", body, prefer="respond-async").json["id"])
    assert ids(send("GET", "/images")) == list(bucket.objects)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "many", "99999999999999999999"])
def test_a_limit_out_of_bounds_is_refused_by_its_name(send: Send, limit: str) -> None:
    answer = send("GET", f"/images?limit={limit}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["field"] == "limit"


def test_another_callers_cursor_is_refused(send: Send, wall: FakeClock) -> None:
    make(send, wall, 2, ANOTHER)
    cursor = send("GET", "/images?limit=1", caller=ANOTHER).json["next_cursor"]
    assert send("GET", f"/images?cursor={cursor}", caller=ANOTHER).status == 200
    _assert_refused(send("GET", f"/images?cursor={cursor}"))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "caf%C3%A9",
        "!!!!",
        "A" * 5000,
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"not json").decode(),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"1" * 5000).decode(),
        *[
            encoded(position)
            for position in (
                None,
                7,
                "abc",
                [],
                {"a": 1, "b": 2, "c": 3},
                [CALLER, AN_ID],
                [CALLER, AN_ID, 1.5, 1],
                [CALLER, "x", 1.5],
                [CALLER, 7, 1.5],
                [CALLER, None, 1.5],
                [CALLER, AN_ID, "1.5"],
                [CALLER, AN_ID, None],
                [CALLER, AN_ID, True],
                [CALLER, AN_ID, [1.5]],
                [CALLER, AN_ID, {}],
                [CALLER, AN_ID, float("nan")],
                [CALLER, AN_ID, float("inf")],
                [CALLER, AN_ID, -1],
                [CALLER, AN_ID, 1e-200],
                [CALLER, AN_ID, 1e200],
                [CALLER, AN_ID, 10**400],
                [[CALLER], AN_ID, 1.5],
            )
        ],
    ],
    ids=lambda cursor: cursor[:60],
)
def test_a_forged_cursor_is_refused(send: Send, cursor: str) -> None:
    _assert_refused(send("GET", f"/images?cursor={cursor}"))


def _assert_refused(answer: Answer) -> None:
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.json["errors"]] == ["cursor"]


def test_a_table_that_does_not_answer_says_so(send: Send, table: FakeTable) -> None:
    table.refusals.append("InternalServerError")
    answer = send("GET", "/images")
    assert (answer.status, answer.json["code"]) == (503, "dependency_unavailable")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_a_wrong_method_is_answered_with_the_allowed_one(send: Send, method: str) -> None:
    answer = send(method, "/images")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


def test_a_wrong_cursor_is_refused_beside_a_digest_too(send: Send) -> None:
    answer = send("GET", f"/images?cursor=wrong&sha256={'0' * 64}")

    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "cursor")
