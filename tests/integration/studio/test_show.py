"""`show_generated_images` in another app, and the explanations of waits."""

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from studio import show
from studio.show import advice
from tests.fakes.studio_api import FakeApi
from text_to_image import following
from text_to_image.following import Progress
from text_to_image.results import Waiting
from text_to_image.words import state_of

NAME = "stable-image-core-v1".replace("-", "\N{NON-BREAKING HYPHEN}")


def somebodys_app() -> None:
    import streamlit as st  # noqa: PLC0415 - as above

    from studio.show import show_generated_images  # noqa: PLC0415 - as above
    from text_to_image.errors import ImagesError  # noqa: PLC0415 - the app is a script of its own

    try:
        show_generated_images("A beautiful sunset over the ocean", 640, 512, number_of_images=2)
    except ImagesError as error:
        st.error(str(error))


def somebody_who_came_back() -> None:
    import os  # noqa: PLC0415 - the app is a script of its own

    from studio.show import show_generated_images  # noqa: PLC0415 - as above

    show_generated_images("", job_id=os.environ["JOB"])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what the view has drawn at each update."""
    seen: list[str] = []
    draw = show.View.draw

    def noted(view: show.View) -> None:
        draw(view)
        seen.append(f"{view.progress.state} {len(view.drawn)}")

    monkeypatch.setattr(show.View, "draw", noted)
    return seen


def captions(app: AppTest) -> list[str]:
    return [caption for image in app.image for caption in image.captions]


def test_the_view_is_updated_while_a_slow_model_runs(
    served_api: FakeApi, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.1)
    served_api.seconds, served_api.made = 2, 1

    app = AppTest.from_function(somebodys_app, default_timeout=30).run()

    assert drawn.count("running 1") >= 3
    assert captions(app) == [
        f"Image {n} of 2 · seed {41 + n} · {NAME} · 640\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}512"  # noqa: RUF001 - "by", of sizes
        for n in (1, 2)
    ]


def test_it_shows_an_existing_job(served_api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    AppTest.from_function(somebodys_app, default_timeout=30).run()
    monkeypatch.setenv("JOB", next(iter(served_api.jobs)))

    app = AppTest.from_function(somebody_who_came_back, default_timeout=30).run()

    assert len(captions(app)) == 2
    assert len(served_api.sent) == 1


def test_a_missing_image_keeps_its_place(served_api: FakeApi) -> None:
    served_api.blocked = (0,)

    app = AppTest.from_function(somebodys_app, default_timeout=30).run()

    assert app.warning[0].proto.title == "Image 1 of 2 was blocked"
    assert captions(app)[0].startswith("Image 2 of 2")


def waiting(code: str = "throttled", seconds: float | None = None) -> Waiting:
    retry_at = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    return Waiting(code, "", retry_at)


@pytest.mark.parametrize(
    ("progress", "state", "words"),
    [
        (Progress("queued", "j", 1), "In the queue", "Nothing is charged yet."),
        (Progress("queued", "j", 1, attempts=2), "In the queue", "it is tried again"),
        (Progress("queued", "j", 1, waiting=waiting()), "Waiting for the model", "The model has no room right now."),
        (Progress("queued", "j", 1, waiting=waiting(seconds=9e6)), "Waiting for the model", " min "),
        (Progress("queued", "j", 1, waiting=waiting(seconds=-5)), "Waiting for the model", "Tried again any moment."),
        (Progress("queued", "j", 1, waiting=waiting("timed_out")), "Waiting for another try", "A try did not succeed."),
        (Progress("queued", "j", 1, waiting=waiting("budget_exhausted")), "Waiting for the budget", "month's budget"),
        (Progress("running", "j", 1), "Making the images", ""),
        (Progress("looking", "j", 1), "Looking for the images", ""),
    ],
)
def test_a_wait_is_explained(progress: Progress, state: str, words: str) -> None:
    assert state_of(progress) == state
    assert words in advice(progress)


@pytest.mark.parametrize(("state", "is_said"), [("sending", True), ("running", True), ("waiting", False)])
def test_a_silent_api_is_reported(state: str, *, is_said: bool) -> None:
    view = show.View((1, 512, 512))
    view.update(Progress(state, None, 0))
    view.draw()
    assert "slow to answer" not in view.text

    view.updated_at -= 60
    view.draw()

    assert ("slow to answer" in view.text) is is_said


def test_its_errors_are_the_clients(served_api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "wrong")
    app = AppTest.from_function(somebodys_app, default_timeout=30).run()

    assert "The API key is unknown." in app.error[0].value
    assert "the-request-id" in app.error[0].value
    assert served_api.jobs == {}
