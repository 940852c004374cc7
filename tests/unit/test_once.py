"""Never pays twice: replays, joins, keys, and what happens when the records do not answer."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

from api.app import lambda_handler
from imaging.deadline import Deadline
from imaging.errors import InvalidRequest, KeyReused
from imaging.generate import Generator
from imaging.once import Once
from imaging.order import Order
from imaging.request import GenerationRequest
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.idempotency import FakeIdempotency
from tests.fakes.lambda_runtime import FakeContext
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send

FOX = {"text": "a fox", "number_of_images": 2}
KEY = {"idempotency_key": "order 66"}
REPLAYED = "idempotent-replayed"
ANOTHER = "fedcba9876543210"


def generate(send: Send, body: dict[str, Any] | None = None, **headers: str) -> Answer:
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
def test_what_is_random_is_joined_by_a_key_only(send: Send, bedrock: FakeBedrock, body: dict[str, Any]) -> None:
    assert generate(send, body).json["id"] != generate(send, body).json["id"]
    calls = len(bedrock.calls)
    assert generate(send, body, **KEY).json["id"] == generate(send, body, **KEY).json["id"]
    assert len(bedrock.calls) == calls * 3 // 2


def test_titans_seed_0_is_a_seed_like_any_other(send: Send, bedrock: FakeBedrock) -> None:
    generate(send, {"model": "titan", "seed": 0})
    generate(send, {"model": "titan", "seed": 0})
    assert len(bedrock.calls) == 1


def test_no_cache_generates_anew_beside_the_old(send: Send, bedrock: FakeBedrock, bucket: FakeBucket) -> None:
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
def test_a_key_that_is_none_is_refused(send: Send, bedrock: FakeBedrock, key: str) -> None:
    answer = generate(send, idempotency_key=key)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert bedrock.calls == []


@pytest.mark.parametrize("key", ["x", "x" * 255, " ~!@#"])
def test_a_printable_key_is_taken(send: Send, key: str) -> None:
    assert generate(send, idempotency_key=key).status == 200


def test_a_failed_generation_is_not_remembered(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ModelErrorException")
    assert generate(send).status == 502
    assert generate(send).status == 200


def test_a_replay_tells_which_images_were_deleted(send: Send, bedrock: FakeBedrock) -> None:
    first = generate(send).json
    send("DELETE", f"/images/{first['details'][0]['id']}.png")

    replay = generate(send)

    assert replay.headers[REPLAYED] == "true"
    assert replay.json["message"] == "1 of 2 images generated"
    assert [detail["status"] for detail in replay.json["details"]] == ["deleted", "stored"]
    assert replay.json["images"] == first["images"][1:]
    assert len(bedrock.calls) == 1


def test_when_all_are_deleted_they_are_made_anew(send: Send, bedrock: FakeBedrock) -> None:
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

    def test_only_a_key_joins(self, send: Send, bedrock: FakeBedrock) -> None:
        assert generate(send).json["id"] != generate(send).json["id"]
        assert generate(send, **KEY).json["id"] == generate(send, **KEY).json["id"]
        assert len(bedrock.calls) == 3


@pytest.fixture
def once(generator: Generator) -> Once:
    import bootstrap  # noqa: PLC0415 - the fakes stand there by now

    assert generator
    return bootstrap.once()


def order(**fields: Any) -> Order:  # noqa: ANN401 - any of a request's
    return Order(GenerationRequest(text="a fox", **fields), "caller", key="k")


def _put_back_in_progress(idempotency: FakeIdempotency, until_millis: int = 10**15) -> None:
    """As if somebody else were at the same order still."""
    ((key, done),) = idempotency.records.items()
    idempotency.records[key] = DataRecord(
        idempotency_key=key,
        status="INPROGRESS",
        expiry_timestamp=done.expiry_timestamp,
        in_progress_expiry_timestamp=until_millis,
        payload_hash=done.payload_hash,
    )


@pytest.mark.parametrize(("wait", "slept"), [(None, 25), ("wait=5", 5), ("wait=0", 0), ("wait=900", 25)])
def test_the_second_waits_for_the_first_as_long_as_it_may(
    send: Send, idempotency: FakeIdempotency, clock: FakeClock, bedrock: FakeBedrock, wait: str | None, slept: int
) -> None:
    generate(send)
    _put_back_in_progress(idempotency)
    before = clock.now

    answer = generate(send, **({"prefer": wait} if wait else {}))

    assert (answer.status, answer.json["code"]) == (409, "in_progress")
    assert int(answer.headers["retry-after"]) > 0
    assert clock.now - before == pytest.approx(slept, abs=0.5)
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize("prefer", ["handling=lenient", "wait", "wait=soon", "wait=-1", ";;,=", "respond-sync, wait=3"])
def test_preferences_that_are_not_understood_are_ignored(send: Send, prefer: str) -> None:
    assert generate(send, prefer=prefer).status == 200


def test_a_function_that_died_blocks_its_key_no_longer_than_its_own_time(
    once: Once, idempotency: FakeIdempotency, bedrock: FakeBedrock
) -> None:
    once.generate(order(), Deadline.after(100), 0)
    _put_back_in_progress(idempotency, until_millis=1)
    assert not once.generate(order(), Deadline.after(100), 0).replayed
    assert len(bedrock.calls) == 1, "its image lies in the bucket"


def test_fifty_at_once_with_one_key_are_one_generation(once: Once, bedrock: FakeBedrock) -> None:
    others_wait = threading.Semaphore(0)

    def slow(*arguments: Any) -> Any:  # noqa: ANN401 - as the fake
        for _ in range(49):
            others_wait.acquire(timeout=30)
        return bedrock(*arguments)

    patient = Once(
        Generator(slow, once.gallery, once.generator.router, "us-east-1"),
        once.gallery,
        once.announcer,
        once.spending,
        once.keyed,
        once.keyless,
        keyless_seconds=3600,
        sleep=lambda _: others_wait.release(),
    )
    with ThreadPoolExecutor(50) as pool:
        runs = [pool.submit(patient.generate, order(), Deadline.after(100), 25) for _ in range(50)]
        deliveries = [run.result() for run in runs]

    assert len(bedrock.calls) == 1
    assert len({delivery.generation.id for delivery in deliveries}) == 1
    assert [delivery.replayed for delivery in deliveries].count(False) == 1


def test_without_a_record_nothing_is_paid(send: Send, bedrock: FakeBedrock, idempotency: FakeIdempotency) -> None:
    idempotency.refusals = {"put"}
    answer = generate(send)
    assert (answer.status, answer.json["code"]) == (503, "dependency_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert bedrock.calls == []


def test_what_was_paid_is_delivered_although_it_could_not_be_noted(
    send: Send, bucket: FakeBucket, idempotency: FakeIdempotency
) -> None:
    idempotency.refusals = {"update"}
    answer = generate(send)
    assert answer.status == 200
    assert [warning["code"] for warning in answer.json["warnings"]] == ["not_remembered"]
    assert len(answer.json["images"]) == len(bucket.objects) == 2


def test_what_could_not_be_noted_blocks_nobody_and_is_found_again(
    send: Send, bedrock: FakeBedrock, idempotency: FakeIdempotency
) -> None:
    idempotency.refusals = {"update"}
    first = generate(send)
    idempotency.refusals = set()
    second = generate(send)
    assert second.json["images"] == first.json["images"]
    assert len(bedrock.calls) == 1


def test_an_error_is_told_although_its_record_could_not_be_deleted(
    send: Send, bedrock: FakeBedrock, idempotency: FakeIdempotency
) -> None:
    idempotency.refusals = {"delete"}
    bedrock.refuse("ModelErrorException")
    assert generate(send).json["code"] == "model_error"


def test_a_replay_without_the_table_says_so(send: Send, table: FakeTable) -> None:
    generate(send)
    table.refusals.append("InternalServerError")
    assert generate(send).json["code"] == "dependency_unavailable"


def test_the_direct_door_shares_the_rules_and_carries_its_key_in_the_event(bedrock: FakeBedrock, once: Once) -> None:
    assert once
    event = FOX | {"idempotency_key": "k", "seed": None}
    first = lambda_handler(event, FakeContext())
    assert lambda_handler(event, FakeContext())["id"] == first["id"]
    assert len(bedrock.calls) == 1
    with pytest.raises(KeyReused):
        lambda_handler(event | {"text": "a cat"}, FakeContext())


@pytest.mark.parametrize("key", ["", 7, "x" * 256, "\n", ["k"]])
def test_a_direct_key_that_is_none_is_refused(once: Once, key: object) -> None:
    assert once
    with pytest.raises(InvalidRequest, match="idempotency_key"):
        lambda_handler(FOX | {"idempotency_key": key}, FakeContext())


def test_ids_follow_from_caller_and_key() -> None:
    one, two = order(), order()
    assert one.generation_id == two.generation_id
    assert isinstance(one.generation_id, uuid.UUID)
    assert one.generation_id != Order(one.request, "another", key="k").generation_id
    assert one.generation_id != Order(one.request, "caller").generation_id


def test_the_record_holds_no_prompt(send: Send, idempotency: FakeIdempotency) -> None:
    generate(send)
    assert "a fox" not in str([vars(record) for record in idempotency.records.values()])
