"""Orders in the table, real and fake: both keep the same promises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aws import clients
from aws.idempotency import idempotency_table
from aws.table import TableError
from imaging.announcing import Announcer
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, InProgress, KeyReused
from imaging.once import Once
from imaging.order import Order
from imaging.request import GenerationRequest
from imaging.result import Generation, StoredImage
from imaging.spending import Bill, Spending
from tests.fakes.counters import FakeCounters
from tests.fakes.events import FakeBus
from tests.fakes.idempotency import FakeIdempotency
from tests.integration.conftest import TABLE

pytestmark = pytest.mark.usefixtures("aws")

IMAGE = StoredImage(id="one", seed=1, width=1, height=1, native_width=1, native_height=1, bytes=1)


@dataclass
class CountingGenerator:
    """Makes the same image for everybody, and counts."""

    made: int = 0
    meanwhile: Callable[[], None] = lambda: None

    def dearest(self, _: GenerationRequest) -> int:
        return 1

    def repeats(self, _: GenerationRequest) -> bool:
        return True

    def generate(self, _: object, generation_id: object, __: Deadline, ___: Bill, ____: float) -> Generation:
        self.made += 1
        self.meanwhile()
        return Generation(id=str(generation_id), model="m", cost_micros=1, images=[IMAGE], warnings=[])


class EverythingIsKept:
    def as_it_is_now(self, _: str, generation: Generation) -> Generation:
        return generation


class EverythingIsDeleted:
    def as_it_is_now(self, _: str, generation: Generation) -> Generation:
        return generation.model_copy(update={"images": []})


def once(make: Callable[[], Any], gallery: object = EverythingIsKept()) -> tuple[Once, Any]:
    generator: Any = CountingGenerator()
    spending = Spending(FakeCounters(), None, None)
    subject = Once(generator, gallery, Announcer(FakeBus()), spending, make(), make(), 3600, sleep=lambda _: None)  # type: ignore[arg-type]
    return subject, generator


def order(key: str = "k", text: str = "a fox") -> Order:
    return Order(GenerationRequest(text=text), "caller", key)


def deliver(once: Once, wanted: Order) -> Any:  # noqa: ANN401 - a delivery
    return once.generate(wanted, Deadline.after(100), 0)


both = pytest.mark.parametrize("make", [lambda: idempotency_table(TABLE), FakeIdempotency], ids=["real", "fake"])


@both
def test_an_order_is_executed_once(make: Callable[[], Any]) -> None:
    subject, generator = once(make)
    first, second = deliver(subject, order()), deliver(subject, order())
    assert (first.replayed, second.replayed) == (False, True)
    assert first.generation == second.generation
    assert generator.made == 1


@both
def test_a_key_is_for_one_request(make: Callable[[], Any]) -> None:
    subject, _ = once(make)
    deliver(subject, order())
    with pytest.raises(KeyReused):
        deliver(subject, order(text="a cat"))


@both
def test_while_it_is_executed_nobody_else_does(make: Callable[[], Any]) -> None:
    subject, generator = once(make)

    def meanwhile() -> None:
        with pytest.raises(InProgress):
            deliver(subject, order())

    generator.meanwhile = meanwhile
    deliver(subject, order())
    assert generator.made == 1


@both
def test_what_is_gone_altogether_is_made_anew(make: Callable[[], Any]) -> None:
    subject, generator = once(make, EverythingIsDeleted())
    deliver(subject, order())
    assert not deliver(subject, order()).replayed
    assert generator.made == 2


@both
def test_forgetting_what_is_not_there_is_no_error(make: Callable[[], Any]) -> None:
    subject, _ = once(make)
    deliver(subject, order())
    subject.keyed.forget(order("another").data())


def _refusing() -> FakeIdempotency:
    refusing = FakeIdempotency()
    refusing.refusals = {"put"}
    return refusing


@pytest.mark.parametrize("make", [lambda: idempotency_table("no-such-table"), _refusing], ids=["real", "fake"])
def test_without_a_table_nothing_is_executed(make: Callable[[], Any]) -> None:
    subject, generator = once(make)
    with pytest.raises(DependencyUnavailable):
        deliver(subject, order())
    assert generator.made == 0


def test_a_record_lies_under_a_name_of_its_own_and_holds_no_prompt() -> None:
    subject, _ = once(lambda: idempotency_table(TABLE))
    deliver(subject, order(text="secret prompt"))
    (item,) = clients.dynamodb().scan(TableName=TABLE)["Items"]
    assert item["id"]["S"].startswith("generation#")
    assert "secret prompt" not in str(item)


def test_a_table_that_refuses_to_forget_is_told() -> None:
    subject, _ = once(lambda: idempotency_table(TABLE))
    deliver(subject, order())
    clients.dynamodb().delete_table(TableName=TABLE)
    with pytest.raises(TableError):
        subject.keyed.forget(order().data())
