"""Requests while operations fail: nothing that was paid is lost without a word, and every reservation is settled."""

from collections.abc import Mapping

import pytest

from tests.faults.outcomes import CENT, Fault, Outcome, run, scenarios

EVERY = [
    pytest.param(is_job, together, id=f"{'job' if is_job else 'synchronous'}-{together}")
    for is_job in (False, True)
    for together in (1, 2, 3)
]


def test_without_a_fault_an_image_is_made_and_paid_once() -> None:
    assert run({}, is_job=False) == Outcome("200", "200", 1, 1, 1, 0)
    assert run({}, is_job=True) == Outcome("202", "`succeeded`", 1, 1, 1, 0)


@pytest.mark.parametrize(("is_job", "together"), EVERY)
def test_money_and_images_agree_whatever_fails(is_job: bool, together: int) -> None:
    for faults, outcome in scenarios(is_job=is_job, together=together):
        context = {operation: fault.name for operation, fault in faults.items()}, outcome
        assert outcome.reserved_cents == 0, context
        assert outcome.spent_cents >= outcome.billed * CENT, context
        assert outcome.stored <= 1, context
        assert outcome.stored or not _brought_an_image(outcome), context
        assert outcome.billed <= 1 + _may_be_billed_twice(faults), context
        assert "internal_error" not in outcome.seen + outcome.later, context


def _brought_an_image(outcome: Outcome) -> bool:
    return outcome.seen.startswith("200") or "succeeded" in outcome.later or outcome.later.startswith("200 `not")


def _may_be_billed_twice(faults: Mapping[str, Fault]) -> bool:
    """A model whose answer was lost may have made the image, and a job does not know that its image was refused by the
    bucket if the table refused to record that: the model is called again."""
    is_unknown = "model" in faults and faults["model"].is_applied
    return is_unknown or {"put", "end"} <= faults.keys()
