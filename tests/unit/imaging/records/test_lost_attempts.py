"""What an attempt that died leaves: its images, and the question what it paid. The simulation found each of these."""

from dataclasses import replace

import pytest

import bootstrap
from aws.bedrock import BedrockError
from aws.bucket import BucketError
from aws.table import Record, TableError
from bootstrap import Services
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, StorageFailed
from imaging.ids import image_id
from imaging.images.gallery import Gallery, Origin
from imaging.records.attempt import Attempt
from imaging.records.record import GenerationRecord, ModelCall
from imaging.requests.request import GenerationRequest
from imaging.requests.result import StoredImage
from imaging.requests.submission import Submission
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.doors import at_call, refuse, refused_after, writes_image

pytestmark = pytest.mark.usefixtures("services")

FUNCTION_SECONDS = 120


@pytest.fixture
def submission() -> Submission:
    return Submission.keyed(GenerationRequest(text="a lighthouse", number_of_images=2), "me", "key")


def _image(submission: Submission) -> StoredImage:
    size = {"width": 1024, "height": 1024, "native_width": 1024, "native_height": 1024}
    return StoredImage(id=image_id(submission.generation_id, 0), seed=42, seed_index=0, bytes=3, **size)


def _begun(submission: Submission, previous: GenerationRecord | None = None, **facts: object) -> Attempt:
    base = previous or GenerationRecord.new(submission, bootstrap.services().now(), is_job=False)
    return bootstrap.services().generations.begin(base.model_copy(update=facts), Deadline.after(FUNCTION_SECONDS))


def test_an_image_is_not_recovered_while_its_record_cannot_be_written(
    submission: Submission, table: FakeTable, bucket: FakeBucket
) -> None:
    gallery: Gallery = bootstrap.services().gallery
    origin = Origin("me", submission.generation_id, "epoch", 0, 2, "amazon.titan-image-generator-v2:0", 10_000)
    gallery.store(origin, _image(submission), b"png")
    table.is_read_only = True

    with pytest.raises(DependencyUnavailable):
        gallery.found("me", submission.generation_id, "epoch", 2, also_in_bucket=True)

    assert bucket.objects


def test_the_bucket_is_only_searched_where_a_crash_may_have_left_an_image(
    submission: Submission, table: FakeTable, bucket: FakeBucket
) -> None:
    gallery: Gallery = bootstrap.services().gallery
    origin = Origin("me", submission.generation_id, "epoch", 0, 2, "amazon.titan-image-generator-v2:0", 10_000)
    gallery.store(origin, _image(submission), b"png")
    assert bucket.objects

    assert gallery.found("me", submission.generation_id, "epoch", 2) == {}
    assert table.records == {}


def test_a_call_that_fails_does_not_lose_the_image_that_its_call_made_before(
    submission: Submission, services: Services, bedrock: FakeBedrock
) -> None:
    image = _image(submission)
    attempt = _begun(submission, settled={0: image}, model="amazon.titan-image-generator-v2:0")
    bedrock.refuse("InternalServerException")

    outcome = services.generator.generate(attempt)

    assert outcome.settled()[0] == image
    assert outcome.generation.stored == [image]


def test_an_image_for_which_no_time_was_left_is_made_by_the_next_attempt(services: Services, clock: FakeClock) -> None:
    submission = Submission.keyed(GenerationRequest(text="a pier", number_of_images=2, model="core"), "me", "key")
    attempt = _begun(submission, settled={0: _image(submission)}, model="stability.stable-image-core-v1:1")

    outcome = services.generator.generate(replace(attempt, deadline=Deadline.after(4, clock)))

    assert outcome.settled().keys() == {0}


def test_two_lost_attempts_may_both_have_paid(submission: Submission, wall: FakeClock) -> None:
    record = None
    told = []
    for _ in range(3):
        record = _begun(submission, record).record
        told.append(record.possibly_rebilled)
        wall.advance(FUNCTION_SECONDS + 60)
    assert told == [False, False, True]


def test_a_refusing_bucket_is_final_also_where_the_generation_became_a_job(
    submission: Submission, bucket: FakeBucket
) -> None:
    generations = bootstrap.services().generations
    attempt = _begun(submission)
    generations.enqueue(submission)
    bucket.refusals = ["AccessDenied"] * 20
    outcome = generations.attempt(attempt)
    assert isinstance(outcome.error, StorageFailed)

    ended = generations.settle(attempt, outcome)

    assert (ended.status, ended.is_job) == ("failed", True)


def test_a_regenerated_image_replaces_the_record_of_a_deleted_one(submission: Submission, table: FakeTable) -> None:
    attempt = _begun(submission)
    gallery: Gallery = bootstrap.services().gallery
    name = image_id(submission.generation_id, 0)
    table.put(f"image#{name}", {"owner": "me", "epoch": "an earlier one", "is_deleted": True}, _tomorrow(table))
    note = gallery.store(
        Origin("me", submission.generation_id, attempt.record.epoch, 0, 2, "m", 1), _image(submission), b""
    )

    bootstrap.services().store.end(attempt, lambda _: {"status": "succeeded"}, notes=[note])

    assert [listed.image.id for listed in gallery.listed("me", 9)[0]] == [name]


def test_an_image_that_was_deleted_meanwhile_is_not_recorded_again(submission: Submission, table: FakeTable) -> None:
    attempt = _begun(submission)
    gallery: Gallery = bootstrap.services().gallery
    name = image_id(submission.generation_id, 0)
    note = gallery.store(
        Origin("me", submission.generation_id, attempt.record.epoch, 0, 2, "m", 1), _image(submission), b""
    )
    deleted = {"owner": "me", "epoch": attempt.record.epoch, "is_deleted": True}
    table.put(f"image#{name}", deleted, _tomorrow(table))

    bootstrap.services().store.end(attempt, lambda _: {"status": "succeeded"}, notes=[note])

    assert table.records[f"image#{name}"]["is_deleted"]


def test_what_is_unknown_of_an_attempts_bill_counts_as_spent_once(submission: Submission) -> None:
    attempt = _begun(submission)
    attempt.calls.append(ModelCall(at=0, model="m", images=1, price_micros=30))
    reserved = attempt.record.reserved

    ended = bootstrap.services().store.end(attempt, lambda _: {"status": "failed"}, in_full=True)

    assert (ended.spent, ended.reserved, ended.images_billed) == (reserved, 0, 1)
    assert reserved > 30


def test_an_image_is_stored_although_no_answer_of_the_bucket_says_so(
    submission: Submission, bucket: FakeBucket
) -> None:
    attempt = _begun(submission)
    bucket.lost_answers = ["ReadTimeoutError"] * 12

    outcome = bootstrap.services().generations.attempt(attempt)

    assert (len(outcome.generation.stored), outcome.error) == (2, None)


def test_an_image_that_a_refusing_bucket_has_after_all_is_not_paid_for_again(
    submission: Submission, bucket: FakeBucket, bedrock: FakeBedrock, wall: FakeClock
) -> None:
    bucket.lost_answers = ["ReadTimeoutError"] * 12
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bucket, "find", _no_answer)
        with pytest.raises(StorageFailed):
            bootstrap.services().generations.run(submission, Deadline.after(FUNCTION_SECONDS), 0)
    wall.advance(61)

    again = bootstrap.services().generations.run(submission, Deadline.after(FUNCTION_SECONDS), 0)

    assert (len(again.generation.stored), len(bedrock.calls)) == (2, 1)


def test_a_waiting_job_records_the_images_whose_records_were_refused(table: FakeTable, bedrock: FakeBedrock) -> None:
    submission = Submission.keyed(GenerationRequest(text="a pier", number_of_images=2, model="core"), "me", "key")
    bootstrap.services().generations.enqueue(submission)
    bedrock.by_seed[43] = BedrockError("ThrottlingException", "")

    jobs = bootstrap.services().jobs
    with at_call(0, table, "write", counted=writes_image, before=refuse):
        assert jobs.work(submission.generation_id, Deadline.after(FUNCTION_SECONDS)) is not None

    [listed] = bootstrap.services().gallery.listed("me", 9)[0]
    assert listed.image.id == image_id(submission.generation_id, 0)


def _no_answer(_image_id: str) -> None:
    raise BucketError("ReadTimeoutError")


def test_a_job_is_not_accepted_where_that_could_not_be_written(submission: Submission, table: FakeTable) -> None:
    _begun(submission)
    with refused_after(1, table, "write"), pytest.raises(DependencyUnavailable):
        bootstrap.services().generations.enqueue(submission)


def test_a_job_whose_withdrawal_may_have_been_written_is_not_accepted(
    submission: Submission, table: FakeTable, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.refusals = ["AccessDenied"]
    send = queue.send

    def refuse(text: str, owner: str) -> None:
        table.lost_answers, table.refusals = ["ReadTimeoutError"], []
        monkeypatch.setattr(table, "get", _refused)
        send(text, owner)

    monkeypatch.setattr(queue, "send", refuse)
    with pytest.raises(DependencyUnavailable):
        bootstrap.services().generations.enqueue(submission)


def test_an_attempt_that_became_a_job_ends_after_a_short_table_error(
    submission: Submission, table: FakeTable, bedrock: FakeBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = _begun(submission)
    bootstrap.services().generations.enqueue(submission)
    get, reads = table.get, [table.get, _refused]

    def get_or_refuse(key: str) -> Record | None:
        return reads.pop(0)(key) if reads else get(key)

    monkeypatch.setattr(table, "get", get_or_refuse)
    bedrock.refuse("ModelErrorException")
    outcome = bootstrap.services().generations.attempt(attempt)
    assert outcome.error is not None

    ended = bootstrap.services().generations.settle(attempt, outcome)

    assert ended.reserved == 0


def test_an_end_is_written_again_in_the_last_seconds_of_its_function(
    submission: Submission, table: FakeTable, clock: FakeClock
) -> None:
    attempt = replace(_begun(submission), deadline=Deadline.after(4, clock))
    outcome = bootstrap.services().generations.attempt(attempt)
    table.refusals = ["InternalServerError"] * 2

    ended = bootstrap.services().generations.settle(attempt, outcome)

    assert (ended.status, ended.reserved) == ("failed", 0)


def _refused(_key: str) -> Record | None:
    raise TableError("InternalServerError")


def _tomorrow(table: FakeTable) -> int:
    return int(table.now()) + 86_400
