"""An image in the bucket is never paid for again, whatever died after it was put there."""

from typing import Any

import pytest

import bootstrap
from aws.bedrock import BedrockError
from aws.counters import Account
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted, ModelError
from imaging.generate import Generator
from imaging.once import Delivery
from imaging.order import Order
from imaging.request import GenerationRequest
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.counters import FakeCounters
from tests.fakes.idempotency import FakeIdempotency
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send

pytestmark = pytest.mark.usefixtures("generator")


class FunctionKilled(BaseException):
    """What no handler catches."""


def order(model: str, images: int = 4, seed: int | None = 7) -> Order:
    return Order(GenerationRequest(text="a fox", model=model, number_of_images=images, seed=seed), "caller", key="k")


def deliver(wanted: Order) -> Delivery:
    return bootstrap.once().generate(wanted, Deadline.after(100), 0)


def killed_after(puts: int, bucket: FakeBucket, wanted: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first execution of the order, which dies after so many images lie in the bucket and are noted."""
    put, left = bucket.put, [puts]

    def put_or_die(*arguments: Any) -> None:  # noqa: ANN401 - as the fake
        if not left[0]:
            raise FunctionKilled
        left[0] -= 1
        put(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(bucket, "put", put_or_die)
        with pytest.raises(FunctionKilled):
            deliver(wanted)


@pytest.fixture
def _lapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the execution that died is over, as far as the records are concerned."""
    monkeypatch.setattr("tests.fakes.idempotency.now_millis", lambda: 10**15)


@pytest.mark.usefixtures("_lapsed")
@pytest.mark.parametrize("puts", [0, 1, 3])
def test_a_one_image_model_makes_the_missing_ones_only(
    bedrock: FakeBedrock, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch, puts: int
) -> None:
    killed_after(puts, bucket, order("core"), monkeypatch)
    there, calls = set(bucket.objects), len(bedrock.calls)

    delivery = deliver(order("core"))

    assert len(bedrock.calls) - calls == 4 - puts
    assert [image.seed for image in delivery.generation.stored] == [7, 8, 9, 10]
    assert there <= {image.id for image in delivery.generation.stored} == set(bucket.objects)
    assert not delivery.replayed
    assert delivery.generation.cost_micros == 160_000


@pytest.mark.usefixtures("_lapsed")
@pytest.mark.parametrize("puts", [0, 1, 3])
def test_titan_repeats_the_call_of_which_any_image_is_missing(
    bedrock: FakeBedrock, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch, puts: int
) -> None:
    killed_after(puts, bucket, order("titan"), monkeypatch)

    delivery = deliver(order("titan"))

    assert len(bedrock.calls) == 2
    assert len(delivery.generation.stored) == len(bucket.objects) == 4


def test_what_was_stored_but_could_not_be_remembered_is_not_paid_again(
    bedrock: FakeBedrock, idempotency: FakeIdempotency
) -> None:
    idempotency.refusals = {"update"}
    first = deliver(order("titan"))
    assert [warning.code for warning in first.generation.warnings] == ["not_remembered"]
    idempotency.refusals = set()
    idempotency.records.clear()

    second = deliver(order("titan"))

    assert second.generation.stored == first.generation.stored
    assert len(bedrock.calls) == 1


def test_an_old_generation_of_the_same_request_is_made_anew(
    bedrock: FakeBedrock, idempotency: FakeIdempotency, table: FakeTable
) -> None:
    deliver(order("titan"))
    idempotency.records.clear()
    for key, record in table.records.items():
        table.records[key] = {**record, "made_at": record["made_at"] - 24 * 3600 - 1}
    deliver(order("titan"))
    assert len(bedrock.calls) == 2


def test_another_models_images_do_not_count(
    bedrock: FakeBedrock, idempotency: FakeIdempotency, generator: Generator
) -> None:
    bedrock.refuse("ResourceNotFoundException")
    plain = Order(GenerationRequest(text="a fox"), "caller", key="k")
    assert deliver(plain).generation.model == "stability.stable-image-core-v1:1"
    idempotency.records.clear()
    generator.router.forget(generator.router.lists["standard"][0].model)
    assert deliver(plain).generation.model == "amazon.titan-image-generator-v2:0"


def test_an_image_that_the_bucket_refused_is_stored_again_and_not_made_again(
    bedrock: FakeBedrock, bucket: FakeBucket, clock: FakeClock
) -> None:
    bucket.refusals += ["SlowDown", "InternalError", "AccessDenied"]
    before = clock.now

    delivery = deliver(order("titan", images=1))

    assert len(delivery.generation.stored) == len(bucket.objects) == 1
    assert len(bedrock.calls) == 1
    assert clock.now - before == 3.5


def test_a_bucket_is_not_asked_again_when_time_is_short(bucket: FakeBucket, send: Send) -> None:
    bucket.refusals += ["SlowDown"] * 6
    with pytest.raises(Exception, match="bucket refused"):
        bootstrap.once().generate(order("titan", images=1), Deadline.after(10.4), 0)
    assert len(bucket.refusals) > 0
    assert send("GET", "/health").status == 200


def spent(counters: FakeCounters) -> Account:
    (stack,) = [account for name, account in counters.accounts.items() if name.endswith("#stack")]
    return stack


@pytest.mark.usefixtures("_lapsed")
@pytest.mark.parametrize("later", [0, 130])
def test_a_repeat_counts_in_full_what_the_dead_function_may_have_paid(
    bucket: FakeBucket, counters: FakeCounters, wall: FakeClock, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    killed_after(1, bucket, order("core"), monkeypatch)
    wall.now += later
    deliver(order("core"))
    assert spent(counters) == Account(160_000 + 3 * 40_000, 3, {})


def test_what_a_bug_may_have_cost_counts_in_full(generator: Generator, counters: FakeCounters) -> None:
    def broken(*_: object) -> Any:  # noqa: ANN401 - as the fake
        raise RuntimeError

    object.__setattr__(generator, "invoke", broken)
    for attempts in (1, 2, 3):
        with pytest.raises(RuntimeError):
            deliver(order("core", images=1))
        assert spent(counters) == Account(attempts * 40_000, 0, {})


def test_a_repeat_of_what_could_not_be_settled_counts_both(bedrock: FakeBedrock, counters: FakeCounters) -> None:
    counters.refusals = {"settle"}
    bedrock.enqueue(BedrockError(BedrockError.CONNECTION_LOST, ""))
    with pytest.raises(ModelError):
        deliver(order("core", images=1))
    counters.refusals = set()
    deliver(order("core", images=1))
    assert spent(counters) == Account(80_000, 1, {})


class TestNearTheCap:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.2"}

    @pytest.mark.usefixtures("_lapsed")
    def test_a_repeat_may_do_what_is_left_and_fits(
        self, bucket: FakeBucket, counters: FakeCounters, wall: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed_after(3, bucket, order("core"), monkeypatch)
        wall.now += 130
        assert len(deliver(order("core")).generation.stored) == 4
        assert spent(counters) == Account(200_000, 1, {})

    @pytest.mark.usefixtures("_lapsed")
    @pytest.mark.parametrize("model", ["core", "titan"])
    def test_a_repeat_whose_rest_does_not_fit_delivers_what_is_there(
        self,
        bedrock: FakeBedrock,
        bucket: FakeBucket,
        counters: FakeCounters,
        monkeypatch: pytest.MonkeyPatch,
        model: str,
    ) -> None:
        killed_after(2, bucket, order(model), monkeypatch)
        object.__setattr__(bootstrap.spending(), "stack_cap", sum(one.micros for one in spent(counters).holds.values()))
        calls = len(bedrock.calls)

        generation = deliver(order(model)).generation

        assert [image.status for image in generation.images].count("stored") == len(bucket.objects) == 2
        assert len(bedrock.calls) == calls
        assert spent(counters).holds == {}

    @pytest.mark.usefixtures("_lapsed")
    def test_of_a_random_seed_no_seed_is_told_that_nobody_drew(
        self, bucket: FakeBucket, counters: FakeCounters, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed_after(2, bucket, order("core", seed=None), monkeypatch)
        object.__setattr__(bootstrap.spending(), "stack_cap", sum(one.micros for one in spent(counters).holds.values()))
        monkeypatch.setattr("imaging.generate.secrets.randbelow", lambda _: 999)

        images = deliver(order("core", seed=None)).generation.images

        missing = {image.seed for image in images if image.status != "stored"}
        assert len(missing) == 2
        assert missing <= {1000, 1001, 1002, 1003}

    @pytest.mark.usefixtures("_lapsed")
    def test_a_repeat_that_finds_nothing_is_refused_and_holds_nothing(
        self, bedrock: FakeBedrock, bucket: FakeBucket, counters: FakeCounters, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed_after(0, bucket, order("core"), monkeypatch)
        calls = len(bedrock.calls)
        with pytest.raises(BudgetExhausted) as refused:
            deliver(order("core"))
        assert not refused.value.may_pass
        assert len(bedrock.calls) == calls
        assert spent(counters) == Account(160_000, 0, {})
