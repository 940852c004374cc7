"""An image that was stored is never paid for again, whatever died after it was put there."""

from typing import Any

import pytest

import api.app
import bootstrap
from aws.bedrock import BedrockError
from imaging.errors import StorageFailed
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.events import FakeBus
from tests.fakes.lambda_runtime import FakeContext
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import LEASE_SECONDS, killed_after, record, refused_after, sweep, totals, work, writes_image

CORE, TITAN = "stability.stable-image-core-v1:1", "amazon.titan-image-generator-v2:0"
FOX = {"text": "a fox", "number_of_images": 4, "seed": 7}
KEY = {"idempotency_key": "k"}
ASYNC = {"prefer": "respond-async"}
BLOCKED = {"finish_reasons": ["Filter reason: output image"]}
THROTTLED = BedrockError("ThrottlingException", "")


@pytest.fixture
def bedrock() -> FakeBedrock:
    """Its pictures need no fitting, which takes time."""
    return FakeBedrock(ratio_size=(1024, 1024))


def generate(send: Send, **body: Any) -> Answer:  # noqa: ANN401 - any field
    return send("POST", "/generate", FOX | body, **KEY)


def killed_with_images(puts: int, send: Send, bucket: FakeBucket, wall: FakeClock, **body: Any) -> None:  # noqa: ANN401
    """A first function, which died after so many images lay in the bucket, and whose time is over."""
    with killed_after(puts, bucket, "put"):
        generate(send, **body)
    wall.advance(LEASE_SECONDS)


def start(send: Send, **body: Any) -> str:  # noqa: ANN401 - any field
    job = send("POST", "/generate", FOX | body, **ASYNC)
    assert job.status == 202
    return str(job.json["id"])


def look(send: Send, job_id: str) -> Any:  # noqa: ANN401 - any JSON
    return send("GET", f"/jobs/{job_id}").json


def seeds(bedrock: FakeBedrock) -> list[int]:
    """Those that one-image models were asked for."""
    return sorted(call.body["seed"] for call in bedrock.calls if "seed" in call.body)


def statuses(answer: Answer) -> list[str]:
    return [detail["status"] for detail in answer.json["details"]]


@pytest.mark.parametrize("puts", [0, 1, 3])
def test_a_one_image_model_makes_the_missing_ones_only(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock, puts: int
) -> None:
    killed_with_images(puts, send, bucket, wall, model="core")
    there, calls = set(bucket.objects), len(bedrock.calls)

    answer = generate(send, model="core")

    assert len(bedrock.calls) - calls == 4 - puts
    assert [detail["seed"] for detail in answer.json["details"]] == [7, 8, 9, 10]
    assert there <= {detail["id"] for detail in answer.json["details"]} == set(bucket.objects)
    assert "idempotent-replayed" not in answer.headers
    assert answer.json["cost_usd"] == 0.16


@pytest.mark.parametrize("puts", [0, 1, 3])
def test_titan_repeats_the_call_of_which_any_image_is_missing(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock, puts: int
) -> None:
    killed_with_images(puts, send, bucket, wall, model="titan")

    answer = generate(send, model="titan")

    assert len(bedrock.calls) == 2
    assert statuses(answer) == ["stored"] * 4
    assert len(bucket.objects) == 4


@pytest.mark.parametrize("model", ["core", "titan"])
def test_an_image_whose_function_died_before_it_wrote_the_record_is_found_in_the_bucket(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, table: FakeTable, wall: FakeClock, model: str
) -> None:
    with killed_after(1, table, "write"):
        generate(send, model=model, number_of_images=1)
    wall.advance(LEASE_SECONDS)

    answer = generate(send, model=model, number_of_images=1)

    (detail,) = answer.json["details"]
    assert [detail["id"]] == list(bucket.objects)
    assert (detail["seed"], detail["width"], detail["bytes"]) == (7, 1024, len(bucket.objects[detail["id"]]))
    assert send("GET", f"/images/{detail['id']}.png").status == 302
    assert len(bedrock.calls) == 1


def test_images_of_a_crashed_function_are_listed_without_a_retry(
    send: Send, bucket: FakeBucket, table: FakeTable, wall: FakeClock
) -> None:
    with killed_after(1, table, "write", writes_image):
        generate(send, model="core")
    wall.advance(LEASE_SECONDS)

    assert sweep() == 1

    listed = send("GET", "/images").json["images"]
    assert {image["id"] for image in listed} == set(bucket.objects)
    assert {image["model"] for image in listed} == {CORE}


def test_a_job_that_resumes_after_a_crash_shows_its_images(
    send: Send, bucket: FakeBucket, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    killed_with_images(1, send, bucket, wall, model="core", number_of_images=2)
    job_id = send("POST", "/generate", FOX | {"model": "core", "number_of_images": 2}, **ASYNC, **KEY).json["id"]
    assert [detail["id"] for detail in look(send, job_id)["progress"]["details"]] == list(bucket.objects)
    assert work(job_id)
    assert look(send, job_id)["progress"]["made"] == 2
    assert len(bedrock.calls) == 3


def test_images_of_an_earlier_epoch_are_not_this_ones(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock
) -> None:
    def again() -> Answer:
        return send("POST", "/generate", FOX | {"model": "core", "number_of_images": 2})

    assert again().status == 200
    wall.advance(61 * 60)
    with killed_after(1, bucket, "put"):
        again()
    wall.advance(LEASE_SECONDS)
    calls = len(bedrock.calls)

    assert statuses(again()) == ["stored", "stored"]
    assert len(bedrock.calls) - calls == 1


def test_a_deleted_image_of_a_waiting_job_is_not_made_again(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {8: THROTTLED}
    job_id = start(send, model="core", number_of_images=2)
    assert not work(job_id)
    (made,) = look(send, job_id)["progress"]["details"]
    assert send("DELETE", f"/images/{made['id']}.png").status == 204
    assert look(send, job_id)["progress"]["made"] == 0
    bedrock.by_seed = {}

    assert work_later(job_id)

    assert seeds(bedrock) == [7, 8, 8]
    assert [detail["status"] for detail in look(send, job_id)["result"]["details"]] == ["deleted", "stored"]


def work_later(job_id: str) -> bool:
    """Once the pause is over that the job was put back for."""
    wall = bootstrap.services().store.now
    assert isinstance(wall, FakeClock)
    wall.advance(121)
    return work(job_id)


def test_a_deleted_image_of_a_crashed_attempt_is_not_made_again(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock
) -> None:
    killed_with_images(1, send, bucket, wall, model="core", number_of_images=2)
    (image_id,) = bucket.objects
    assert send("DELETE", f"/images/{image_id}.png").status == 204

    answer = generate(send, model="core", number_of_images=2)

    assert sorted(statuses(answer)) == ["deleted", "stored"]
    assert len(bedrock.calls) == 3


@pytest.mark.parametrize("recorded", [0, 1])
def test_the_model_that_made_images_makes_the_others(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, table: FakeTable, wall: FakeClock, recorded: int
) -> None:
    bedrock.refuse("ResourceNotFoundException")
    with killed_after(recorded, table, "write", writes_image):
        generate(send, number_of_images=3)
    wall.advance(LEASE_SECONDS)
    in_another_environment_titan_is_alive()
    there, calls = len(bucket.objects), len(bedrock.calls)

    answer = generate(send, number_of_images=3)

    assert answer.json["model"] == CORE
    assert statuses(answer) == ["stored"] * 3
    assert [call.model for call in bedrock.calls[calls:]] == [CORE] * (3 - there)


def in_another_environment_titan_is_alive() -> None:
    router = bootstrap.services().generator.router
    router.forget(router.lists["standard"][0].model)


def test_a_waiting_job_goes_on_with_the_model_that_made_images(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    bedrock.by_seed = {8: THROTTLED}
    job_id = start(send, number_of_images=2)
    assert not work(job_id)
    bedrock.by_seed = {}
    in_another_environment_titan_is_alive()

    assert work_later(job_id)

    result = look(send, job_id)["result"]
    assert (result["model"], result["message"]) == (CORE, "Images generated successfully")
    assert [warning["code"] for warning in result["warnings"]] == ["model_fell_through"]
    assert [call.model for call in bedrock.calls] == [TITAN, CORE, CORE, CORE]


def test_a_request_that_resumes_a_cancelled_job_repeats_its_warnings(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    bedrock.by_seed = {8: THROTTLED}
    job_id = start(send, number_of_images=2)
    assert not work(job_id)
    assert send("DELETE", f"/jobs/{job_id}").json["result"]["model"] == CORE
    bedrock.by_seed = {}

    answer = send("POST", "/generate", FOX | {"number_of_images": 2})

    assert [warning["code"] for warning in answer.json["warnings"]] == ["model_fell_through"]
    assert seeds(bedrock) == [7, 8, 8]


@pytest.mark.parametrize("others", [0, 1])
def test_a_blocked_image_of_a_waiting_job_is_not_paid_for_again(send: Send, bedrock: FakeBedrock, others: int) -> None:
    bedrock.by_seed = {7: BLOCKED, 8: THROTTLED}
    job_id = start(send, model="core", number_of_images=2 + others)
    assert not work(job_id)
    bedrock.by_seed = {}

    assert work_later(job_id)

    details = look(send, job_id)["result"]["details"]
    assert seeds(bedrock) == [7, 8, 8, 9][: 3 + others]
    assert [detail["status"] for detail in details] == ["blocked", "stored", "stored"][: 2 + others]
    assert record(job_id).spent == (2 + others) * 40_000


def stumble() -> None:
    """A bug."""
    raise TypeError


def test_what_a_job_stored_before_a_bug_struck_is_not_paid_for_again(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket
) -> None:
    bedrock.meanwhile.append(stumble)
    job_id = start(send, model="core", number_of_images=2)
    assert not work(job_id)
    assert len(bucket.objects) == 1

    assert work_later(job_id)

    job = look(send, job_id)
    assert job["result"]["message"] == "Images generated successfully"
    assert job["possibly_rebilled"], "nobody knows what became of the call that the bug struck in"
    assert len(bedrock.calls) == 3


def test_what_a_request_stored_before_a_bug_struck_is_not_paid_for_again(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket
) -> None:
    bedrock.meanwhile.append(stumble)
    assert generate(send, model="core", number_of_images=2).json["code"] == "internal_error"
    assert len(bucket.objects) == 1
    assert statuses(generate(send, model="core", number_of_images=2)) == ["stored", "stored"]
    assert len(bedrock.calls) == 3


def test_another_body_does_not_write_over_what_was_stored_before_a_bug(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.meanwhile.append(stumble)
    assert generate(send, model="core", number_of_images=2).json["code"] == "internal_error"
    assert generate(send, model="core", number_of_images=2, text="another").json["code"] == "key_reused"


def test_a_blocked_image_is_not_paid_for_again_after_a_bug(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {7: BLOCKED, 8: THROTTLED}
    job_id = start(send, model="core", number_of_images=2)
    assert not work(job_id)
    bedrock.by_seed = {}
    bedrock.meanwhile.append(stumble)
    assert not work_later(job_id)
    assert work_later(job_id)
    assert seeds(bedrock) == [7, 8, 8, 8]


def test_an_image_that_the_bucket_refused_is_stored_again_and_not_made_again(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, clock: FakeClock
) -> None:
    bucket.refusals += ["SlowDown", "InternalError", "AccessDenied"]
    before = clock.now

    answer = generate(send, model="titan", number_of_images=1)

    assert statuses(answer) == ["stored"]
    assert len(bedrock.calls) == len(bucket.objects) == 1
    assert clock.now - before == 3.5


@pytest.mark.usefixtures("send")
def test_a_bucket_is_not_asked_again_when_time_is_short(bucket: FakeBucket) -> None:
    bucket.refusals += ["SlowDown"] * 7
    with pytest.raises(StorageFailed):
        api.app.lambda_handler(FOX | {"number_of_images": 1}, FakeContext(seconds=11))
    assert len(bucket.refusals) > 0


@pytest.mark.parametrize("later", [0, 3600])
def test_the_next_attempt_counts_in_full_what_the_crashed_one_may_have_paid(
    send: Send, bucket: FakeBucket, table: FakeTable, wall: FakeClock, later: int
) -> None:
    killed_with_images(1, send, bucket, wall, model="core")
    wall.advance(later)
    assert generate(send, model="core").status == 200
    assert totals(table) == (160_000 + 3 * 40_000, 0)
    assert send("GET", "/usage").json["images"] == 3


@pytest.mark.usefixtures("send")
def test_what_a_bug_may_have_cost_counts_in_full(send: Send, bedrock: FakeBedrock, table: FakeTable) -> None:
    for attempts in (1, 2, 3):
        bedrock.meanwhile.append(stumble)
        assert generate(send, model="core", number_of_images=1).status == 500
        assert totals(table) == (attempts * 40_000, 0)


def test_a_retry_of_what_could_not_be_settled_counts_both(
    send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock
) -> None:
    bedrock.refuse(BedrockError.CONNECTION_LOST)
    with refused_after(1, table, "write"):
        assert generate(send, model="core", number_of_images=1).status == 502
    assert totals(table) == (0, 40_000)
    wall.advance(LEASE_SECONDS)
    assert generate(send, model="core", number_of_images=1).status == 200
    assert totals(table) == (80_000, 0)


class TestNearTheCap:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.2"}

    def test_what_is_missing_is_made_where_it_fits(
        self, send: Send, bucket: FakeBucket, table: FakeTable, wall: FakeClock
    ) -> None:
        killed_with_images(3, send, bucket, wall, model="core")
        assert statuses(generate(send, model="core")) == ["stored"] * 4
        assert totals(table) == (200_000, 0)

    @pytest.mark.parametrize("seed", [7, None])
    def test_where_it_does_not_fit_what_is_there_is_delivered(
        self,
        send: Send,
        bedrock: FakeBedrock,
        bucket: FakeBucket,
        table: FakeTable,
        bus: FakeBus,
        wall: FakeClock,
        seed: int | None,
    ) -> None:
        killed_with_images(2, send, bucket, wall, model="core", seed=seed)
        asked = set(seeds(bedrock))

        answer = generate(send, model="core", seed=seed)

        assert sorted(statuses(answer)) == ["failed", "failed", "stored", "stored"]
        assert {detail["seed"] for detail in answer.json["details"]} == asked
        assert len(bedrock.calls) == 4
        assert totals(table) == (160_000, 0)
        assert [(kind, detail["missing"]) for kind, detail in bus.published] == [("Generation Completed", 2)]
        assert generate(send, model="core", seed=seed).headers["idempotent-replayed"] == "true"

    def test_where_there_is_nothing_it_is_refused_and_reserves_nothing(
        self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket, table: FakeTable, wall: FakeClock
    ) -> None:
        killed_with_images(0, send, bucket, wall, model="core")
        answer = generate(send, model="core")
        assert (answer.status, "retry-after" in answer.headers) == (402, False)
        assert "wait for next month" in answer.json["detail"]
        assert len(bedrock.calls) == 4
        sweep()
        assert totals(table) == (160_000, 0)


def test_a_crash_says_that_a_call_may_have_been_billed_twice_and_nothing_else_does(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, wall: FakeClock
) -> None:
    crashed, throttled = start(send, model="core"), start(send, model="core", seed=100)
    bedrock.by_seed = {101: THROTTLED}
    assert not work(throttled)
    with killed_after(2, bucket, "put"):
        work(crashed)
    wall.advance(LEASE_SECONDS)
    bedrock.by_seed = {}
    assert work(crashed)
    assert work(throttled)
    jobs = [look(send, job_id) for job_id in (crashed, throttled)]
    assert [job["status"] for job in jobs] == ["succeeded", "succeeded"]
    assert [job["possibly_rebilled"] for job in jobs] == [True, False]


def test_a_job_that_goes_on_for_a_request_that_was_given_up_says_so_too(
    send: Send, bucket: FakeBucket, wall: FakeClock
) -> None:
    killed_with_images(0, send, bucket, wall, number_of_images=1)
    assert sweep() == 1
    job_id = send("POST", "/generate", FOX | {"number_of_images": 1}, **ASYNC, **KEY).json["id"]
    assert work(job_id)
    assert look(send, job_id)["possibly_rebilled"]


def test_a_job_whose_every_image_a_crashed_worker_stored_was_not_billed_twice(
    send: Send, bedrock: FakeBedrock, table: FakeTable, wall: FakeClock
) -> None:
    job_id = start(send, model="core", number_of_images=1)
    with killed_after(1, table, "write"):
        work(job_id)
    wall.advance(LEASE_SECONDS)
    assert work(job_id)
    assert (look(send, job_id)["status"], look(send, job_id)["possibly_rebilled"]) == ("succeeded", False)
    assert len(bedrock.calls) == 1
    assert record(job_id).spent == 40_000
