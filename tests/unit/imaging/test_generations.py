"""Never pays twice: the same request begins, waits for or replays one generation, whatever the table makes of it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

import bootstrap
from api.app import lambda_handler
from aws.bedrock import BedrockError
from imaging.deadline import Deadline
from imaging.errors import ContentBlocked, ImagingError, InvalidRequest, KeyReused
from imaging.generations import Delivery
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from tests.fakes.bedrock import FakeBedrock, base64_png
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.lambda_runtime import FakeContext
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import (
    LEASE_SECONDS,
    FunctionKilled,
    at_call,
    counted_calls,
    die,
    refuse,
    refused_after,
    sweep,
    totals,
    work,
    writes_generation,
    writes_image,
)

pytestmark = pytest.mark.usefixtures("services")

FOX = {"text": "a fox", "number_of_images": 2}
OPENAI_FOX = {"prompt": "a fox", "n": 2, "seed": 42}
KEY = {"idempotency_key": "order 66"}
ASYNC = {"prefer": "respond-async"}
AT_ONCE = {"prefer": "wait=0"}
DAY = 24 * 3600
REPLAYED = "idempotent-replayed"
ANOTHER = "fedcba9876543210"


def generate(send: Send, body: dict[str, Any] | None = None, /, **headers: str) -> Answer:
    return send("POST", "/generate", FOX | (body or {}), **headers)


@pytest.mark.parametrize("headers", [{}, KEY])
def test_the_same_request_brings_the_same_images_and_pays_nothing(
    send: Send, bedrock: FakeBedrock, headers: dict[str, str]
) -> None:
    first = generate(send, **headers)
    second = generate(send, **headers)

    assert (first.status, second.status) == (200, 200)
    assert second.json["images"] == first.json["images"]
    assert second.json["id"] == first.json["id"]
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert len(bedrock.calls) == 1


def test_defaults_that_are_spelled_out_are_the_same_request(send: Send, bedrock: FakeBedrock) -> None:
    generate(send)
    generate(send, {"width": 1024.0, "cfg_scale": 8.0, "seed": 42, "negative_text": None, "quality": "standard"})
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize(
    "other", [{"text": "a cat"}, {"seed": 43}, {"width": 512}, {"quality": "premium"}, {"negative_text": "rain"}]
)
def test_another_request_is_another_generation(send: Send, bedrock: FakeBedrock, other: dict[str, Any]) -> None:
    generate(send)
    generate(send, other)
    assert len(bedrock.calls) == 2


@pytest.mark.parametrize("headers", [{}, KEY])
def test_callers_never_share(send: Send, bedrock: FakeBedrock, headers: dict[str, str]) -> None:
    first = generate(send, **headers)
    second = generate(send, caller=ANOTHER, **headers)
    assert first.json["id"] != second.json["id"]
    assert len(bedrock.calls) == 2


def test_a_key_with_another_body_is_refused(send: Send, bedrock: FakeBedrock) -> None:
    generate(send, **KEY)
    answer = generate(send, {"seed": 1}, **KEY)
    assert (answer.status, answer.json["code"]) == (422, "key_reused")
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize(
    "body", [{"seed": None}, {"model": "core", "seed": 0}, {"seed": 0}], ids=["random", "core's 0", "0 may reach core"]
)
def test_random_requests_are_deduplicated_by_a_key_only(send: Send, bedrock: FakeBedrock, body: dict[str, Any]) -> None:
    assert generate(send, body).json["id"] != generate(send, body).json["id"]
    calls = len(bedrock.calls)
    assert generate(send, body, **KEY).json["id"] == generate(send, body, **KEY).json["id"]
    assert len(bedrock.calls) == calls * 3 // 2


def test_titans_seed_0_is_a_seed_like_any_other(send: Send, bedrock: FakeBedrock) -> None:
    generate(send, {"model": "titan", "seed": 0})
    generate(send, {"model": "titan", "seed": 0})
    assert len(bedrock.calls) == 1


def test_no_cache_generates_again_and_keeps_the_old_images(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket
) -> None:
    first = generate(send)
    second = generate(send, cache_control="no-cache")
    assert REPLAYED not in second.headers
    assert first.json["id"] != second.json["id"]
    assert len(bucket.objects) == 4
    assert len(bedrock.calls) == 2


def test_no_cache_contradicts_a_key(send: Send, bedrock: FakeBedrock) -> None:
    answer = generate(send, cache_control="no-cache", **KEY)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "Cache-Control")
    assert bedrock.calls == []


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\t", "caf\u00e9", "new\nline", "\x7f"])
def test_an_invalid_key_is_refused(send: Send, bedrock: FakeBedrock, key: str) -> None:
    answer = generate(send, idempotency_key=key)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert bedrock.calls == []


@pytest.mark.parametrize("key", ["x", "x" * 255, " ~!@#"])
def test_a_printable_key_is_taken(send: Send, key: str) -> None:
    assert generate(send, idempotency_key=key).status == 200


def test_a_replay_marks_deleted_images(send: Send, bedrock: FakeBedrock) -> None:
    first = generate(send).json
    send("DELETE", f"/images/{first['details'][0]['id']}.png")

    replay = generate(send)

    assert replay.headers[REPLAYED] == "true"
    assert replay.json["message"] == "1 of 2 images generated"
    assert [detail["status"] for detail in replay.json["details"]] == ["deleted", "stored"]
    assert replay.json["images"] == first["images"][1:]
    assert len(bedrock.calls) == 1


def test_when_all_are_deleted_they_are_generated_again(send: Send, bedrock: FakeBedrock) -> None:
    for detail in generate(send).json["details"]:
        send("DELETE", f"/images/{detail['id']}.png")

    again = generate(send)

    assert REPLAYED not in again.headers
    assert [detail["status"] for detail in again.json["details"]] == ["stored", "stored"]
    assert len(bedrock.calls) == 2


class TestWithoutDeduplication:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"DEDUPLICATION_MINUTES": "0"}

    def test_only_a_key_deduplicates(self, send: Send, bedrock: FakeBedrock) -> None:
        assert generate(send).json["id"] != generate(send).json["id"]
        assert generate(send, **KEY).json["id"] == generate(send, **KEY).json["id"]
        assert len(bedrock.calls) == 3


@pytest.mark.parametrize(("wait", "slept"), [(None, 25), ("wait=5", 5), ("wait=0", 0), ("wait=900", 25)])
def test_the_second_waits_for_the_first_as_long_as_it_may(
    send: Send, clock: FakeClock, bedrock: FakeBedrock, wait: str | None, slept: int
) -> None:
    answers: list[Answer] = []
    before = clock.now
    bedrock.meanwhile.append(lambda: answers.append(generate(send, **({"prefer": wait} if wait else {}))))

    assert generate(send).status == 200

    (second,) = answers
    assert (second.status, second.json["code"]) == (409, "in_progress")
    assert int(second.headers["retry-after"]) > 0
    assert "location" not in second.headers
    assert clock.now - before == pytest.approx(slept, abs=0.5)
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize("prefer", ["handling=lenient", "wait", "wait=soon", "wait=-1", ";;,=", "respond-sync, wait=3"])
def test_preferences_that_are_not_understood_are_ignored(send: Send, prefer: str) -> None:
    assert generate(send, prefer=prefer).status == 200


def test_a_crashed_function_blocks_its_key_only_for_its_lease(
    send: Send, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    bedrock.meanwhile.append(die)
    with pytest.raises(FunctionKilled):
        generate(send)

    wall.advance(LEASE_SECONDS - 3)
    assert generate(send, **AT_ONCE).status == 409
    wall.advance(3)
    assert generate(send, **AT_ONCE).status == 200
    assert len(bedrock.calls) == 2


class TestWithAShortDeduplication:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"DEDUPLICATION_MINUTES": "1"}

    def test_a_request_is_waited_for_as_long_as_its_function_may_run(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock
    ) -> None:
        answers: list[Answer] = []

        def late_duplicate() -> None:
            wall.advance(119)
            answers.append(generate(send, **AT_ONCE))

        bedrock.meanwhile.append(late_duplicate)
        assert generate(send).status == 200
        assert [answer.status for answer in answers] == [409]
        assert len(bedrock.calls) == 1


@pytest.mark.parametrize("headers", [{}, ASYNC])
def test_another_body_under_the_key_of_a_running_request_is_refused_at_once(
    send: Send, bedrock: FakeBedrock, clock: FakeClock, headers: dict[str, str]
) -> None:
    answers: list[Answer] = []
    before = clock.now
    bedrock.meanwhile.append(lambda: answers.append(generate(send, {"seed": 1}, **KEY, **headers)))

    assert generate(send, **KEY).status == 200

    assert [(answer.status, answer.json["code"]) for answer in answers] == [(422, "key_reused")]
    assert clock.now == before


@pytest.mark.parametrize("headers", [{}, ASYNC])
def test_another_body_under_the_key_of_a_waiting_job_is_refused_at_once(
    send: Send, clock: FakeClock, headers: dict[str, str]
) -> None:
    generate(send, **KEY, **ASYNC)
    before = clock.now
    answer = generate(send, {"seed": 1}, **KEY, **headers)
    assert (answer.status, answer.json["code"]) == (422, "key_reused")
    assert clock.now == before


class TestHowLongItIsRemembered:
    def test_a_key_replays_for_as_long_as_images_are_kept(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock
    ) -> None:
        first = generate(send, **KEY)
        wall.advance(30 * DAY - 60)
        again = generate(send, **KEY)
        assert again.headers[REPLAYED] == "true"
        assert again.json["images"] == first.json["images"]
        assert len(bedrock.calls) == 1

    def test_without_a_key_only_the_deduplication_time_long(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock
    ) -> None:
        generate(send)
        wall.advance(59 * 60)
        assert generate(send).headers[REPLAYED] == "true"
        wall.advance(60)
        assert REPLAYED not in generate(send).headers
        assert len(bedrock.calls) == 2

    def test_an_expired_key_is_free_on_every_route(self, send: Send, wall: FakeClock) -> None:
        doors: list[Callable[[str], object]] = [
            lambda text: generate(send, {"text": text}, **KEY).status,
            lambda text: send("POST", "/v1/images/generations", OPENAI_FOX | {"prompt": text}, **KEY).status,
        ]
        for number, door in enumerate(doors):
            assert door(f"fox {number}") == 200
            assert [other(f"cat {number}") for other in doors] == [422, 422]
            wall.advance(30 * DAY + 1)
            assert door(f"cat {number}") == 200
            wall.advance(30 * DAY + 1)

    def test_http_and_direct_invocations_share_keys_rules(self, send: Send, bedrock: FakeBedrock) -> None:
        ours = generate(send, **KEY)
        theirs = send("POST", "/v1/images/generations", OPENAI_FOX, **KEY)
        assert (theirs.status, theirs.json["id"]) == (200, ours.json["id"])
        assert len(bedrock.calls) == 1


class TestWhichKeysAreFree:
    """A key belongs to its request from the first image on; before that, failing or being cancelled gives it back."""

    def test_that_of_a_failed_request(self, send: Send, bedrock: FakeBedrock) -> None:
        bedrock.refuse("ModelErrorException")
        assert generate(send, **KEY).status == 502
        assert generate(send, {"text": "a cat"}, **KEY).status == 200

    def test_that_of_a_cancelled_job(self, send: Send, bedrock: FakeBedrock) -> None:
        job = generate(send, **KEY, **ASYNC).json
        send("DELETE", f"/jobs/{job['id']}")
        answer = generate(send, {"text": "a cat", "seed": 7}, **KEY)
        assert [detail["seed"] for detail in answer.json["details"]] == [7, 7]
        assert [call.body["textToImageParams"]["text"] for call in bedrock.calls] == ["a cat"]

    def test_that_after_a_crash_before_anything_was_stored(
        self, send: Send, bedrock: FakeBedrock, wall: FakeClock
    ) -> None:
        bedrock.meanwhile.append(die)
        with pytest.raises(FunctionKilled):
            generate(send, **KEY)
        wall.advance(LEASE_SECONDS)
        assert generate(send, {"text": "a cat"}, **KEY).status == 422, "whoever sent it may still send it again"
        assert sweep() == 1
        assert generate(send, {"text": "a cat"}, **KEY).status == 200

    def test_never_that_of_a_job_that_made_images(self, send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
        bedrock.by_seed = {43: BedrockError("ThrottlingException", "")}
        job = generate(send, {"model": "core"}, **KEY, **ASYNC).json
        work(job["id"])
        bedrock.by_seed = {}
        assert send("DELETE", f"/jobs/{job['id']}").json["status"] == "cancelled"

        for _ in range(2):
            assert generate(send, {"model": "core", "text": "a cat"}, **KEY).json["code"] == "key_reused"
            wall.advance(DAY)

    def test_never_that_after_a_crash_that_left_images(
        self, send: Send, bucket: FakeBucket, table: FakeTable, wall: FakeClock
    ) -> None:
        with at_call(0, table, "write", counted=writes_image, before=die), pytest.raises(FunctionKilled):
            generate(send, {"model": "core"}, **KEY)
        wall.advance(LEASE_SECONDS)
        sweep()
        assert bucket.objects
        assert generate(send, {"model": "core", "text": "a cat"}, **KEY).json["code"] == "key_reused"


UNUSABLE = {"images": ["bm8gcG5n"], "error": None}
BLOCKED = {"images": [], "error": "All of the generated images have been blocked by our content filters."}
FINE = {"images": [base64_png(1024, 1024)] * 2, "error": None}


@pytest.mark.parametrize(
    ("model_answers", "bucket_refuses", "status", "code"),
    [
        (BLOCKED, False, 400, "content_blocked"),
        (UNUSABLE, False, 502, "model_error"),
        (FINE, True, 503, "storage_failed"),
    ],
    ids=["blocked", "unusable", "not stored"],
)
class TestAFailureThatWasBilled:
    @pytest.fixture
    def first(
        self,
        send: Send,
        bedrock: FakeBedrock,
        bucket: FakeBucket,
        model_answers: dict[str, Any],
        bucket_refuses: bool,
    ) -> Answer:
        bedrock.enqueue(model_answers)
        bucket.refusals += ["AccessDenied"] * 14 * bucket_refuses
        return generate(send)

    @pytest.mark.parametrize("headers", [{}, ASYNC])
    def test_answers_the_same_request_for_a_minute(
        self,
        send: Send,
        bedrock: FakeBedrock,
        wall: FakeClock,
        first: Answer,
        status: int,
        code: str,
        headers: dict[str, str],
    ) -> None:
        assert (first.status, first.json["code"]) == (status, code)
        wall.advance(59)

        again = generate(send, **headers)

        assert (again.status, again.json["code"], again.json["detail"]) == (status, code, first.json["detail"])
        assert again.json.get("aws_error") == first.json.get("aws_error")
        assert again.headers.get("retry-after") == first.headers.get("retry-after")
        assert len(bedrock.calls) == 1

    def test_is_forgotten_after_it(
        self,
        send: Send,
        bedrock: FakeBedrock,
        bucket: FakeBucket,
        wall: FakeClock,
        first: Answer,
        status: int,
        code: str,
    ) -> None:
        assert (first.status, first.json["code"]) == (status, code)
        bucket.refusals.clear()
        wall.advance(61)
        assert generate(send).status == 200
        assert len(bedrock.calls) == 2


def test_a_failure_is_remembered_although_only_one_of_its_calls_was_billed(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {
        42: BedrockError("ModelErrorException", ""),
        43: {"finish_reasons": ["Filter reason: output image"]},
    }
    first = generate(send, {"model": "core"})
    assert generate(send, {"model": "core"}).json["code"] == first.json["code"]
    assert len(bedrock.calls) == 2


@pytest.mark.parametrize(
    "aws_error", ["ModelErrorException", "ThrottlingException", "ReadTimeout", "ValidationException"]
)
def test_other_failures_are_not_remembered(send: Send, bedrock: FakeBedrock, aws_error: str) -> None:
    bedrock.refuse(aws_error)
    assert generate(send, {"model": "titan"}).status >= 400
    assert generate(send, {"model": "titan"}).status == 200


def submission(**fields: Any) -> Submission:  # noqa: ANN401 - any of a request's
    return Submission.keyed(GenerationRequest(text="a fox", **fields), "caller", "k")


def together(callers: int, bedrock: FakeBedrock) -> list[Delivery | ImagingError]:
    """What each of so many callers of one generation gets, of whom all but one wait for the model's answer."""
    others_wait = threading.Semaphore(0)

    def all_wait() -> None:
        for _ in range(callers - 1):
            assert others_wait.acquire(timeout=30)

    bedrock.meanwhile.append(all_wait)
    patient = replace(bootstrap.services().generations, sleep=lambda _: others_wait.release(), now=lambda: 0.0)

    def call(_: int) -> Delivery | ImagingError:
        try:
            return patient.run(submission(), Deadline.after(100), 25)
        except ImagingError as error:
            return error

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(call, range(callers)))


def test_fifty_at_once_with_one_key_are_one_generation(bedrock: FakeBedrock) -> None:
    deliveries = together(50, bedrock)

    assert len(bedrock.calls) == 1
    assert len({each.generation.id for each in deliveries if isinstance(each, Delivery)}) == 1
    assert [isinstance(each, Delivery) and each.replayed for each in deliveries].count(False) == 1


def test_eight_callers_of_a_blocked_picture_pay_once(bedrock: FakeBedrock, table: FakeTable) -> None:
    bedrock.enqueue(BLOCKED)
    answers = together(8, bedrock)
    assert {type(answer) for answer in answers} == {ContentBlocked}
    assert len(bedrock.calls) == 1
    assert totals(table) == (10_000, 0)


class TestWhenTheTableFails:
    def test_without_a_record_nothing_is_paid(self, send: Send, bedrock: FakeBedrock, table: FakeTable) -> None:
        table.is_read_only = True
        answer = generate(send)
        assert (answer.status, answer.json["code"]) == (503, "dependency_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert bedrock.calls == []

    def test_a_duplicate_that_fails_frees_nothing(self, send: Send, bedrock: FakeBedrock, table: FakeTable) -> None:
        answers: list[Answer] = []

        def duplicates() -> None:
            table.refusals.append("InternalServerError")
            answers.extend([generate(send, **AT_ONCE), generate(send, **AT_ONCE)])

        bedrock.meanwhile.append(duplicates)
        assert generate(send).status == 200
        assert [answer.status for answer in answers] == [503, 409]
        assert len(bedrock.calls) == 1

    @pytest.mark.parametrize("write", [0, 1], ids=["begin", "end"])
    def test_a_write_whose_answer_was_lost_is_recognised(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, write: int
    ) -> None:
        with at_call(write, table, "write", after=refuse):
            first = generate(send)
        second = generate(send)

        assert (first.status, first.json["warnings"], REPLAYED in first.headers) == (200, [], False)
        assert (second.status, second.headers[REPLAYED]) == (200, "true")
        assert len(bedrock.calls) == 1
        assert totals(table) == (20_000, 0)

    def test_a_lost_begin_is_recognised_although_it_became_a_job(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        def join_and_refuse() -> None:
            assert generate(send, **ASYNC).status == 202
            refuse()

        with at_call(0, table, "write", after=join_and_refuse):
            answer = generate(send)
        assert answer.status == 200
        assert len(bedrock.calls) == 1
        assert totals(table) == (20_000, 0)

    def test_an_end_that_the_table_refused_is_written_again_while_time_remains(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, clock: FakeClock
    ) -> None:
        before = clock.now
        with at_call(1, table, "write", counted=writes_generation, before=refuse):
            first = generate(send)
        assert (first.status, first.json["warnings"], clock.now - before) == (200, [], 0.5)
        assert generate(send).headers[REPLAYED] == "true"
        assert len(bedrock.calls) == 1
        assert totals(table) == (20_000, 0)

    def test_what_was_paid_is_delivered_although_it_could_not_be_recorded(
        self, send: Send, bucket: FakeBucket, table: FakeTable
    ) -> None:
        with refused_after(1, table, "write"):
            answer = generate(send)
        assert answer.status == 200
        assert [warning["code"] for warning in answer.json["warnings"]] == ["not_remembered"]
        assert len(answer.json["images"]) == len(bucket.objects) == 2

    def test_an_only_image_is_found_although_the_outcome_could_not_be_recorded(
        self, send: Send, table: FakeTable
    ) -> None:
        with refused_after(1, table, "write", counted=writes_generation):
            answer = generate(send, {"number_of_images": 1})
        assert [warning["code"] for warning in answer.json["warnings"]] == ["not_remembered"]
        [made] = answer.json["details"]
        assert send("GET", f"/images/{made['id']}.png").status == 302

    def test_what_could_not_be_recorded_is_found_again_once_its_function_is_over(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock
    ) -> None:
        with refused_after(1, table, "write"):
            first = generate(send)
        wall.advance(LEASE_SECONDS)
        second = generate(send)
        assert second.json["images"] == first.json["images"]
        assert len(bedrock.calls) == 1

    def test_an_error_is_answered_although_it_could_not_be_recorded(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable
    ) -> None:
        bedrock.refuse("ModelErrorException")
        with refused_after(1, table, "write"):
            assert generate(send).json["code"] == "model_error"

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_an_images_record_is_written_with_the_outcome_if_the_table_refused_it_before(
        self, send: Send, bedrock: FakeBedrock, table: FakeTable, when: str
    ) -> None:
        at: dict[str, Callable[[], object]] = {when: refuse}
        with at_call(0, table, "write", counted=writes_image, **at):
            first = generate(send)

        again = generate(send)

        assert first.json["warnings"] == []
        assert [detail["status"] for detail in again.json["details"]] == ["stored", "stored"]
        assert {send("GET", f"/images/{each['id']}.png").status for each in again.json["details"]} == {302}
        assert len(send("GET", "/images").json["images"]) == 2
        assert len(bedrock.calls) == 1

    def test_a_replay_without_the_table_says_so(self, send: Send, table: FakeTable) -> None:
        generate(send)
        table.refusals.append("InternalServerError")
        assert generate(send).json["code"] == "dependency_unavailable"


@pytest.mark.parametrize("headers", [{}, KEY, {"cache_control": "no-cache"}])
def test_one_image_costs_two_calls_to_the_table(send: Send, table: FakeTable, headers: dict[str, str]) -> None:
    with counted_calls(table) as calls:
        assert generate(send, {"number_of_images": 1}, **headers).status == 200
    assert calls == ["write", "write"], "begin and end"


def test_a_direct_invocation_carries_its_key_in_the_event(bedrock: FakeBedrock) -> None:
    event = FOX | {"idempotency_key": "k", "seed": None}
    first = lambda_handler(event, FakeContext())
    assert lambda_handler(event, FakeContext())["id"] == first["id"]
    assert len(bedrock.calls) == 1
    with pytest.raises(KeyReused):
        lambda_handler(event | {"text": "a cat"}, FakeContext())


@pytest.mark.parametrize("key", ["", 7, "x" * 256, "\n", ["k"]])
def test_an_invalid_direct_key_is_refused(key: object) -> None:
    with pytest.raises(InvalidRequest, match="idempotency_key"):
        lambda_handler(FOX | {"idempotency_key": key}, FakeContext())


def test_ids_follow_from_caller_and_key() -> None:
    one, two = submission(), submission(seed=1)
    assert one.generation_id == two.generation_id
    assert one.request_hash != two.request_hash
    others = [
        Submission.keyed(one.request, "another", "k"),
        Submission.keyed(one.request, "caller", "K"),
        Submission.by_content(one.request, "caller"),
        Submission.unique(one.request, "caller"),
    ]
    assert len({one.generation_id, *(other.generation_id for other in others)}) == 5


def test_a_key_is_no_other_keyless_requests_fingerprint() -> None:
    request = GenerationRequest(text="a fox")
    keyless = Submission.by_content(request, "caller")
    keyed = Submission.keyed(request, "caller", f"body:{keyless.request_hash}")
    assert keyed.generation_id != keyless.generation_id


def test_the_record_of_a_synchronous_request_holds_no_prompt(
    send: Send, table: FakeTable, bedrock: FakeBedrock
) -> None:
    seen: list[str] = []
    bedrock.meanwhile.append(lambda: seen.append(str(table.records)))
    generate(send)
    assert "generation#" in seen[0]
    assert "a fox" not in seen[0] + str(table.records)
