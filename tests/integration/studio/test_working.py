"""A poll whose page went elsewhere meanwhile."""

import pytest

from studio import working
from studio.visit import Intent, Visit, Waiting
from text_to_image.errors import Cancelled, InvalidRequest
from text_to_image.following import Progress
from text_to_image.results import Generation, Image

MADE: Generation[Image] = Generation("job", "Images generated successfully", "core", 0.04, (), ())


@pytest.mark.parametrize("outcome", [MADE, Cancelled("stopped"), InvalidRequest("wrong")])
def test_an_outcome_that_the_page_no_longer_waits_for_is_dropped(
    outcome: Generation[Image] | Cancelled | InvalidRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent, waiting = Intent({"text": "a fox"}, job_id="job"), Waiting(Progress("queued", None, 0.0))
    now, elsewhere = Visit(pending=intent, waiting=waiting), Waiting(Progress("looking", None, 0.0))

    async def step(now: Visit, *_: object) -> Generation[Image]:
        now.waiting = elsewhere
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(working, "_step", step)
    working._poll(now, intent, waiting)  # noqa: SLF001 - Streamlit calls it

    assert (now.waiting, now.shown, now.failed, now.notice, now.spent) == (elsewhere, None, None, None, 0)
