"""`show_generated_images` in somebody else's app."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from studio.client import Progress
from studio.show import Status
from tests.fakes.studio_api import FakeApi


def somebodys_app() -> None:
    import streamlit as st  # noqa: PLC0415 - the app is a script of its own

    from studio.errors import ImagesError  # noqa: PLC0415 - as above
    from studio.show import show_generated_images  # noqa: PLC0415 - as above

    try:
        show_generated_images("A beautiful sunset over the ocean", 640, 512, number_of_images=2)
    except ImagesError as error:
        st.error(str(error))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the status says at each redraw."""
    seen: list[str] = []
    draw = Status.draw

    def noted(status: Status, frame: str) -> None:
        draw(status, frame)
        seen.append(f"{frame} {status.state}")

    monkeypatch.setattr(Status, "draw", noted)
    return seen


def test_the_status_moves_while_a_slow_model_works(served_api: FakeApi, drawn: list[str]) -> None:
    served_api.seconds, served_api.poll = 3, "1"

    app = AppTest.from_function(somebodys_app, default_timeout=30).run()

    assert len([words for words in drawn if words.endswith("running")]) >= 3
    assert len(set(drawn)) >= 3
    captions = [caption for image in app.image for caption in image.captions]
    assert captions == [
        f"Image {n} of 2 · seed {41 + n} · stable-image-core-v1 · 640\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}512"  # noqa: RUF001 - "by", of sizes
        for n in (1, 2)
    ]


class Slot:
    """Where the status draws."""

    def html(self, words: str) -> None:
        self.words = words


@pytest.mark.parametrize(("state", "is_said"), [("sending", True), ("running", True), ("waiting", False)])
def test_an_api_that_has_gone_silent_is_said(state: str, *, is_said: bool) -> None:
    status = Status(slot := Slot())
    status.heard(Progress(state, None, 0))
    status.draw("⠋")
    assert "slow to answer" not in slot.words

    status.heard_at -= 60
    status.draw("⠋")

    assert ("slow to answer" in slot.words) is is_said


def test_a_job_found_again_is_not_said_to_be_sent() -> None:
    status = Status(slot := Slot())

    status.draw("⠋")

    assert "Looking for the job" in slot.words


def test_the_time_counts_from_when_the_job_was_accepted() -> None:
    status = Status(slot := Slot(), since=time.monotonic() - 1)

    status.heard(Progress("running", "a-job", 3725))
    status.draw("⠋")

    assert "62 min" in slot.words


def test_its_errors_are_the_clients(served_api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "wrong")
    app = AppTest.from_function(somebodys_app, default_timeout=30).run()

    assert "The API key is unknown." in app.error[0].value
    assert "the-request-id" in app.error[0].value
    assert served_api.jobs == {}
