"""Every error has an explanation without technical terms."""

import re

import pytest

from studio import money, words
from text_to_image import errors
from text_to_image.errors import ImagesError
from text_to_image.prices import dollars
from text_to_image.results import Usage

FOR_PROGRAMS = re.compile(r"x-api-key|cfg_scale|[a-z]+_[a-z]+|StandardModels|MonthlyBudget|API_URL|\bHTTP\b|\b\d{3}\b")


def leaves(kind: type[ImagesError] = ImagesError) -> list[type[ImagesError]]:
    return [kind] + [leaf for each in kind.__subclasses__() for leaf in leaves(each)]


@pytest.mark.parametrize("job_is_known", [True, False])
@pytest.mark.parametrize("kind", leaves())
def test_every_error_is_explained(kind: type[ImagesError], *, job_is_known: bool) -> None:
    error = (
        kind("cfg_scale is e.g. 1.1. See StandardModels.", "an-id")
        if kind is errors.TookTooLong
        else kind("cfg_scale is e.g. 1.1. See StandardModels.", request_id="the-id")
    )

    explanation = words.explain(error, job_is_known=job_is_known)

    assert not FOR_PROGRAMS.search(f"{explanation.title} {explanation.advice}")
    assert explanation.advice.endswith(".")
    assert not explanation.title.endswith(".")
    assert "cfg_scale is e.g. 1.1. See StandardModels." in explanation.details


def test_a_retry_after_is_shown() -> None:
    assert "It asks for 7 s of patience." in words.explain(errors.Throttled("", retry_after=7)).advice


@pytest.mark.parametrize("code", [*words._WARNINGS, "of_the_future"])  # noqa: SLF001 - all that there are
def test_every_warning_is_explained(code: str) -> None:
    assert not FOR_PROGRAMS.search(words.of_warning(code, "a model"))


@pytest.mark.parametrize(
    ("spent", "reserved", "cap", "told"),
    [
        (1.2, 0, 100, "This month $1.20 of $100.00"),
        (1.2, 0.04, 100, "This month $1.20 (and $0.04 reserved) of $100.00"),
        (0, 0, None, "This month $0.00, no spending limit"),
    ],
)
def test_the_months_spend_is_shown(spent: float, reserved: float, cap: float | None, told: str) -> None:
    assert money.month(Usage("2026-11", spent, reserved, cap, 3)) == told


@pytest.mark.parametrize(
    ("before", "after", "charged"),
    [
        (Usage("2026-11", 1.0, 0, None, 1), Usage("2026-11", 1.0, 0, None, 1), 0.0),
        (Usage("2026-11", 1.0, 0, None, 1), Usage("2026-11", 1.5, 0, None, 1), 0.5),
        (Usage("2026-11", 1.0, 0, None, 1), Usage("2026-12", 0.5, 0, None, 1), None),
        (None, Usage("2026-11", 1.0, 0, None, 1), None),
    ],
)
def test_the_cost_of_a_failure_is_shown_if_known(
    before: Usage | None, after: Usage | None, charged: float | None
) -> None:
    assert money.rise(before, after) == charged
    assert ("not known" in money.after_failure(charged, preview=False)) is (charged is None)


@pytest.mark.parametrize(("amount", "told"), [(0.04, "$0.04"), (0.008, "$0.008"), (12, "$12.00"), (0, "$0.00")])
def test_dollars(amount: float, told: str) -> None:
    assert dollars(amount) == told
