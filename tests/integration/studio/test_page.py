"""The page's states, without a browser."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from studio import api, working
from studio.options import STYLES
from studio.page import EXAMPLES
from tests.fakes.studio_api import CORE, KEY, TITAN, FakeApi, problem

NAME = "stable-image-core-v1".replace("-", "\N{NON-BREAKING HYPHEN}")
PAGE = Path(__file__).parents[3] / "studio" / "app.py"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "SILENCE_SECONDS", 0)
    monkeypatch.setattr(working, "POLL_SECONDS", 0)
    monkeypatch.setattr(api, "ERROR_SECONDS", 0)
    monkeypatch.delenv("STUDIO_PREVIEW", raising=False)
    st.cache_resource.clear()
    st.cache_data.clear()


def opened(job: str | None = None) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=30)
    if job:
        page.query_params["job"] = job
    return page.run()


@pytest.fixture
def page(served_api: FakeApi) -> AppTest:
    assert served_api.url
    return opened()


def generate(page: AppTest, prompt: str) -> AppTest:
    page.text_area(key="prompt").set_value(prompt)
    return submit(page)


def submit(page: AppTest) -> AppTest:
    return page.button(key="generate").click().run()


def said(page: AppTest) -> str:
    """Return all text on the page, without Markdown escapes."""
    elements = [*page.header, *page.subheader, *page.markdown, *page.error, *page.warning, *page.info, *page.code]
    words = [str(element.value) for element in elements]
    words += [element.proto.title for element in (*page.error, *page.warning)]
    words += [element.proto.body for element in page.get("html") if not re.match("<(script|style)", element.proto.body)]
    return "\n".join([*words, *(status.label for status in page.status)]).replace("\\", "")


def heading(page: AppTest) -> str:
    return str(page.header[0].value).replace("\\", "")


def pictures(page: AppTest) -> list[str]:
    return [caption for image in page.image for caption in image.captions if caption]


def buttons(page: AppTest, key: str) -> list[Button]:
    return [button for button in page.button if str(button.key).startswith(key)]


def labels(page: AppTest, key: str) -> list[str]:
    return [button.label.replace("\\", "") for button in page.button if str(button.key).startswith(key)]


def click(page: AppTest, key: str, which: int = 0) -> AppTest:
    return [button for button in page.button if str(button.key).startswith(key)][which].click().run()


def zips(page: AppTest) -> list[str]:
    found: list[Any] = list(page.get("download_button"))
    return [button.label for button in found if button.key.startswith("zip")]


class TestAsking:
    def test_the_empty_page_offers_an_example_for_each_use(self, page: AppTest) -> None:
        assert not page.exception
        for use, prompt in EXAMPLES.items():
            assert f"**{use}**" in said(page)
            assert prompt in said(page)

        page.button(key="example-Prototyping").click().run()

        assert page.text_area(key="prompt").value == EXAMPLES["Prototyping"]
        assert f"{len(EXAMPLES['Prototyping'])} of 512" in said(page)

    def test_every_parameter_is_sent(self, page: AppTest, served_api: FakeApi) -> None:
        page.segmented_control(key="shape").set_value("Own size").run()
        page.number_input(key="width").set_value(777)
        page.number_input(key="height").set_value(1001)
        page.toggle(key="random").set_value(False).run()
        page.number_input(key="seed").set_value(2147483646)
        page.slider(key="cfg_scale").set_value(12.5)
        page.segmented_control(key="quality").set_value("premium")
        page.selectbox(key="model").set_value(CORE)
        page.text_area(key="negative_text").set_value("people")
        generate(page, "  An odd size ")

        assert served_api.sent == [
            {
                "text": "An odd size",
                "width": 777,
                "height": 1001,
                "number_of_images": 1,
                "cfg_scale": 12.5,
                "seed": 2147483646,
                "quality": "premium",
                "negative_text": "people",
                "model": CORE,
            }
        ]
        assert "777\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}1001" in pictures(page)[0]  # noqa: RUF001 - "by", of sizes

    @pytest.mark.parametrize(("shape", "size"), [("Square", (1024, 1024)), ("Landscape", (1024, 768))])
    def test_a_shape_is_a_size(self, page: AppTest, served_api: FakeApi, shape: str, size: tuple[int, int]) -> None:
        page.segmented_control(key="shape").set_value(shape)
        generate(page, "A")

        assert (served_api.sent[0]["width"], served_api.sent[0]["height"]) == size

    @pytest.mark.parametrize(
        ("prompt", "words"),
        [
            ("", "Write what"),
            (" \n ", "Write what"),
            ("x" * 513, "513 characters; 512"),
            ("😀" * 513, "513 characters; 512"),
        ],
    )
    def test_an_invalid_prompt_is_reported(self, page: AppTest, served_api: FakeApi, prompt: str, words: str) -> None:
        generate(page, prompt)

        assert words in page.warning[0].value
        assert served_api.sent == []

    def test_a_prompt_of_emoji_at_the_limit_is_sent(self, page: AppTest, served_api: FakeApi) -> None:
        generate(page, "😀" * 512)

        assert [len(request["text"]) for request in served_api.sent] == [512]
        assert not page.warning

    @pytest.mark.parametrize(("side", "value"), [("width", 511), ("width", 2000), ("height", 1025), ("height", -1)])
    def test_a_size_outside_the_limits_is_refused_and_never_replaced(
        self, page: AppTest, served_api: FakeApi, side: str, value: int
    ) -> None:
        page.segmented_control(key="shape").set_value("Own size").run()
        page.number_input(key=side).set_value(value).run()
        assert f"{side.capitalize()} must be between 512 and 1024 pixels, not {value}" in said(page)

        generate(page, "A")

        assert served_api.sent == []
        assert page.number_input(key=side).value == value
        page.number_input(key=side).set_value(640).run()
        assert "must be between" not in "".join(error.value for error in page.error)

    @pytest.mark.parametrize("seed", [-1, 2147483647])
    def test_a_seed_outside_the_limits_is_refused(self, page: AppTest, served_api: FakeApi, seed: int) -> None:
        page.toggle(key="random").set_value(False).run()
        page.number_input(key="seed").set_value(seed).run()

        generate(page, "A")

        assert f"must be between 0 and 2147483646, not {seed}" in said(page)
        assert served_api.sent == []

    def test_a_style_is_pressed_while_its_words_are_in_the_prompt(self, page: AppTest) -> None:
        page.text_area(key="prompt").set_value("A fox, ").run()
        page.pills(key="styles").set_value(["Oil"]).run()
        assert page.text_area(key="prompt").value == f"A fox, {STYLES['Oil']}"
        assert page.pills(key="styles").value == ["Oil"]

        page.text_area(key="prompt").set_value(f"A fox, {STYLES['Oil']}, {STYLES['Clay']}").run()
        assert page.pills(key="styles").value == ["Oil", "Clay"]

        page.pills(key="styles").set_value(["Clay"]).run()
        assert page.text_area(key="prompt").value == f"A fox, {STYLES['Clay']}"

    def test_a_style_whose_words_were_edited_is_no_longer_pressed(self, page: AppTest) -> None:
        page.pills(key="styles").set_value(["Oil"]).run()
        page.text_area(key="prompt").set_value("oil painting, no brush strokes").run()
        assert page.pills(key="styles").value == []
        page.pills(key="styles").set_value(["Oil"]).run()
        assert page.text_area(key="prompt").value == f"oil painting, no brush strokes, {STYLES['Oil']}"

    def test_the_expander_names_the_settings_inside(self, page: AppTest) -> None:
        page.toggle(key="random").set_value(False)
        page.selectbox(key="model").set_value(CORE).run()

        assert page.expander[0].label == "More settings · Stable Image Core 1.0 · seed 42"


class TestMoney:
    def test_the_price_is_on_the_button(self, page: AppTest, served_api: FakeApi) -> None:
        assert labels(page, "generate") == ["Generate 1 image · at most $0.04"]

        page.segmented_control(key="number_of_images").set_value(4)
        page.selectbox(key="model").set_value(TITAN).run()

        assert labels(page, "generate") == ["Generate 4 images · $0.04"]
        assert served_api.sent == []

    def test_every_button_that_spends_shows_its_price(self, page: AppTest, served_api: FakeApi) -> None:
        page.segmented_control(key="number_of_images").set_value(2)
        generate(page, "A")
        assert labels(page, "again-") == ["Again with this seed · $0.04"] * 2
        assert labels(page, "another-") == ["Another like it · $0.04"] * 2

        served_api.problem = problem(502, "model_error", "No picture.")
        generate(page, "B")
        assert labels(page, "retry") == ["Try again · at most $0.08"]

    def test_the_spend_of_month_and_visit_is_shown_and_a_replay_costs_nothing(self, page: AppTest) -> None:
        assert "This month $1.20 of $100.00 · this visit $0.00" in said(page)
        generate(page, "A")
        assert heading(page) == "1 image · $0.04"
        assert "This month $1.24 of $100.00 · this visit $0.04" in said(page)

    def test_a_stack_without_a_cap(self, served_api: FakeApi) -> None:
        served_api.cap_usd = None
        assert "This month $1.20, no spending limit" in said(opened())

    def test_on_a_laptop_nothing_is_charged(self, served_api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STUDIO_PREVIEW", "true")
        page = opened()
        assert "Preview: drawn locally, nothing is charged" in said(page)
        assert labels(page, "generate") == ["Generate 1 image · free"]

        generate(page, "A")
        served_api.problem = problem(400, "content_blocked", "No.")
        generate(page, "B")

        assert "$" not in said(page)
        assert not [label for label in labels(page, "") if "$" in label]

    @pytest.mark.parametrize(
        ("costs", "words"), [(0.0, "Nothing was charged for it"), (0.04, "It was charged all the same: $0.04")]
    )
    def test_a_blocked_prompt_says_whether_it_cost_anything(
        self, page: AppTest, served_api: FakeApi, costs: float, words: str
    ) -> None:
        served_api.problem, served_api.problem_costs = problem(400, "content_blocked", "No."), costs
        generate(page, "A")

        assert words in said(page)
        assert f"this visit ${costs or 0:.2f}" in said(page)


class TestImages:
    def test_four_images_are_shown_with_their_captions(self, page: AppTest, served_api: FakeApi) -> None:
        page.segmented_control(key="number_of_images").set_value(4)
        page.toggle(key="random").set_value(False).run()
        generate(page, "A lighthouse")

        assert not page.exception
        assert pictures(page) == [
            f"Image {n} of 4 · seed {41 + n} · {NAME} · 1024\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}1024"  # noqa: RUF001 - "by", of sizes
            for n in (1, 2, 3, 4)
        ]
        assert [each["number_of_images"] for each in served_api.sent] == [4]
        assert zips(page) == ["Download all 4 as zip", "Download these 4 as zip"]

    def test_blocked_images_and_adjustments_are_explained(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.blocked = (1,)
        detail = "amazon.titan was passed over (model_unavailable): see StandardModels"
        served_api.warnings = [{"code": "model_fell_through", "field": "model", "detail": detail}]
        page.segmented_control(key="number_of_images").set_value(3)
        generate(page, "A harbour")

        assert len(pictures(page)) == 2
        assert "Image 2 of 3 was blocked" in said(page)
        assert "The content filter withheld this image." in said(page)
        assert "The first model was not available, so stable-image-core-v1 made this." in said(page)
        assert "StandardModels" not in said(page)
        assert heading(page).startswith("2 of 3 images")

    @pytest.mark.parametrize(("which", "seed"), [("again", 7), ("another", None)])
    def test_making_it_again_uses_the_same_prompt_and_settings(
        self, page: AppTest, served_api: FakeApi, which: str, seed: int | None
    ) -> None:
        page.segmented_control(key="number_of_images").set_value(2)
        generate(page, "A lighthouse")
        click(page, f"{which}-")

        once_more = served_api.sent[1]
        assert (once_more["text"], once_more["number_of_images"], once_more["model"]) == ("A lighthouse", 1, CORE)
        assert once_more["seed"] == seed
        assert page.segmented_control(key="number_of_images").value == 2
        assert page.selectbox(key="model").value == ""

    def test_making_it_again_does_not_call_a_retired_model(self, page: AppTest, served_api: FakeApi) -> None:
        page.selectbox(key="model").set_value(TITAN)
        generate(page, "A lighthouse")
        page.selectbox(key="model").set_value("").run()
        served_api.titan = "end_of_life"
        st.cache_data.clear()
        page.run()
        click(page, "another-")

        assert [request.get("model") for request in served_api.sent] == [TITAN, None]

    @pytest.mark.parametrize(("place", "number"), [(0, 1), (2, 3)])
    def test_an_image_that_shares_its_seed_is_made_again_with_the_others(
        self, page: AppTest, served_api: FakeApi, place: int, number: int
    ) -> None:
        served_api.one_seed = True
        page.segmented_control(key="number_of_images").set_value(3)
        generate(page, "A lighthouse")
        label = "Again with this seed · $0.04" if number == 1 else "Again with this seed (3 images) · $0.12"
        assert labels(page, "again-")[place] == label

        click(page, "again-", place)

        assert (served_api.sent[1]["seed"], served_api.sent[1]["number_of_images"]) == (7, number)


class TestWaiting:
    def test_a_throttled_job_says_why_and_can_be_stopped_again_and_again(
        self, page: AppTest, served_api: FakeApi
    ) -> None:
        served_api.held = "queued"
        generate(page, "A")
        assert [status.label for status in page.status] == ["In the queue · 0 s"]
        assert labels(page, "stop") == ["Stop"]
        served_api.held = "running"
        page.run()
        assert labels(page, "stop") == []
        assert page.button(key="generate").disabled

        served_api.held = "queued"
        served_api.waiting = {"code": "throttled", "detail": "Too many", "retry_at": "2020-01-01T00:00:00Z"}
        page.run()

        assert "Waiting for the model" in page.status[0].label
        for words in ("no room right now", "Tried again any moment", "Nothing is charged yet", "may close this page"):
            assert words in said(page)
        click(page, "stop")
        assert "Stopped. Nothing was made and nothing was charged." in said(page)
        assert "job" not in page.query_params
        assert [job["cancelled"] for job in served_api.jobs.values()] == [True]

    @pytest.mark.parametrize(
        "refusal",
        [
            (503, {"code": "dependency_unavailable", "status": 503, "detail": "Later."}, {}),
            (409, {"code": "not_cancellable", "status": 409, "detail": "It has begun."}, {}),
        ],
        ids=["the API is away", "the model is at work"],
    )
    def test_a_job_is_cancelled_until_the_api_confirms(
        self,
        page: AppTest,
        served_api: FakeApi,
        monkeypatch: pytest.MonkeyPatch,
        refusal: tuple[int, dict[str, Any], dict[str, str]],
    ) -> None:
        monkeypatch.setattr(working, "SILENCE_SECONDS", 60)
        served_api.held = "queued"
        generate(page, "A")
        served_api.refusals = [refusal]
        click(page, "stop")
        assert labels(page, "stop") == []

        page.run()

        assert "Stopped. Nothing was made and nothing was charged." in said(page)
        assert [job["cancelled"] for job in served_api.jobs.values()] == [True]

    def test_images_made_before_a_job_was_stopped_are_shown(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.held, served_api.made = "queued", 1
        page.segmented_control(key="number_of_images").set_value(3)
        generate(page, "A")
        click(page, "stop")

        assert heading(page).startswith("1 of 3 images")
        assert "The job was cancelled before this." in said(page)

    def test_each_image_appears_as_soon_as_it_is_made(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.held, served_api.made = "running", 1
        page.segmented_control(key="number_of_images").set_value(4)
        generate(page, "A")
        assert pictures(page)[0].startswith("Image 1 of 4")
        assert len(page.get("skeleton")) == 3

        served_api.made = 3
        page.run()
        assert len(pictures(page)) == 3
        assert "3 are there already" in said(page)
        served_api.held = None
        page.run()

        assert len(pictures(page)) == 4
        downloads = [request["path"] for request in served_api.requests if "/pictures/1024" in request["path"]]
        assert len(downloads) == len(set(downloads)) == 4

    def test_an_older_api_works(self, served_api: FakeApi) -> None:
        served_api.older, served_api.held = True, "queued"
        page = opened()
        generate(page, "A lighthouse")
        assert "Nothing is charged yet" in said(page)
        served_api.held = None
        page.run()

        assert len(pictures(page)) == 1
        assert "Today · 1 image · $0.04" in said(page)

    def test_a_job_that_was_stopped_elsewhere_is_reported(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.held = "queued"
        generate(page, "A")
        next(iter(served_api.jobs.values()))["cancelled"] = True
        page.run()

        assert "Stopped. Nothing was made and nothing was charged." in said(page)
        assert not page.status


class TestTrouble:
    def test_a_failed_job_is_explained_and_can_be_retried(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.problem = problem(502, "model_error", "The model gave no picture.")
        generate(page, "A")

        assert heading(page) == "The model could not make a picture of this"
        assert "The model gave no picture." in page.code[0].value
        assert "the-request-id" in page.code[0].value

        served_api.problem = None
        click(page, "retry")

        assert len(pictures(page)) == 1
        assert len(served_api.jobs) == 2

    @pytest.mark.parametrize("code", ["content_blocked", "invalid_request", "budget_exhausted", "model_access_denied"])
    def test_technical_text_stays_in_details(self, page: AppTest, served_api: FakeApi, code: str) -> None:
        detail = "No. See e.g. cfg_scale 1.1. x-api-key, StandardModels, MonthlyBudgetUsd."
        served_api.problem = problem(400, code, detail)
        generate(page, "A")

        told = "".join([heading(page), *(error.value for error in page.error)])
        assert not re.search("cfg_scale|x-api-key|StandardModels|MonthlyBudget|e.g", told)
        assert detail in page.code[0].value

    def test_an_invalid_field_is_named(self, page: AppTest, served_api: FakeApi) -> None:
        refusal = problem(400, "invalid_request", "no") | {"errors": [{"field": "cfg_scale", "message": "Too large"}]}
        served_api.refusals = [(400, refusal, {})]
        generate(page, "A")

        assert "How closely to follow the prompt: Too large" in said(page)

    def test_a_reload_of_a_failed_job_shows_its_error_and_sends_nothing(
        self, page: AppTest, served_api: FakeApi
    ) -> None:
        served_api.problem = problem(502, "model_error", "The model gave no picture.")
        generate(page, "A")

        other = opened(page.query_params["job"])

        assert "The model gave no picture" in said(other)
        assert len(served_api.sent) == 1

    def test_a_blocked_prompt_can_be_tried_with_another_seed(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.problem = problem(400, "content_blocked", "The filter refused it. Make the prompt clearer.")
        page.toggle(key="random").set_value(False).run()
        generate(page, "A")
        assert labels(page, "retry") == ["Try another seed · at most $0.04"]

        served_api.problem = None
        click(page, "retry")

        assert [request["seed"] for request in served_api.sent] == [42, None]
        assert len(pictures(page)) == 1

    @pytest.mark.parametrize(
        ("status", "code"),
        [(400, "invalid_request"), (402, "budget_exhausted"), (422, "key_reused"), (404, "not_found")],
    )
    def test_a_request_that_must_change_cannot_be_retried(
        self, page: AppTest, served_api: FakeApi, status: int, code: str
    ) -> None:
        served_api.refusals = [(status, problem(status, code, "It cannot be. Change it."), {})]
        generate(page, "A")

        assert "It cannot be. Change it." in page.code[0].value
        assert not buttons(page, "retry")
        assert len(pictures(submit(page))) == 1

    def test_an_api_that_refuses_for_a_while_costs_once(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.refusals = [(503, problem(503, "dependency_unavailable", "The table is away."), {})]
        generate(page, "A")
        assert "The table is away" in said(page)
        assert "job" not in page.query_params

        click(page, "retry")

        assert len(pictures(page)) == 1
        assert len({request["headers"]["idempotency-key"] for request in served_api.requests if request["body"]}) == 1

    def test_a_short_outage_is_tolerated(
        self, page: AppTest, served_api: FakeApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(working, "SILENCE_SECONDS", 60)
        served_api.held = "running"
        generate(page, "A")
        served_api.dead = True
        page.run()
        assert "the API is slow to answer" in page.status[0].label
        assert not page.error

        served_api.dead, served_api.held = False, None
        page.run()
        assert len(pictures(page)) == 1

    @pytest.mark.parametrize(
        ("fail", "words"),
        [
            (lambda api: setattr(api, "dead", True), "The API went away while the images were being made"),
            (lambda api: setattr(api, "key", "another"), "The API no longer accepts the studio's key"),
        ],
    )
    def test_errors_during_a_job_have_their_own_explanation_and_action(
        self, page: AppTest, served_api: FakeApi, fail: Callable[[FakeApi], None], words: str
    ) -> None:
        served_api.held = "running"
        generate(page, "A")
        fail(served_api)
        page.run()
        assert heading(page) == words
        assert labels(page, "retry") == ["Look again"]
        assert "job" in page.query_params

        served_api.dead, served_api.key, served_api.held = False, KEY, None
        click(page, "retry")

        assert len(pictures(page)) == 1
        assert len(served_api.sent) == 1

    def test_a_wrong_key_is_reported_before_anything_is_sent(
        self, served_api: FakeApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("API_KEY", "wrong")
        page = opened()

        assert heading(page) == "The API does not accept the studio's key"
        assert served_api.sent == []
        assert "wrong" not in said(page)

    def test_an_unreachable_api_is_reported(self, monkeypatch: pytest.MonkeyPatch, served_api: FakeApi) -> None:
        monkeypatch.setenv("API_URL", "http://127.0.0.1:9/api")
        page = opened()
        assert heading(page) == "The API cannot be reached"

        generate(page, "A")
        assert not page.exception
        assert heading(page) == "The API cannot be reached"

        monkeypatch.setenv("API_URL", served_api.url)
        click(page, "retry")
        assert len(pictures(page)) == 1

    def test_a_missing_address_is_reported(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("API_URL", "API_KEY", "ENV_FILE"):
            monkeypatch.delenv(name, raising=False)

        assert "API_URL" in opened().code[0].value


class TestGallery:
    def test_a_new_visit_finds_yesterdays_images_and_what_they_cost(self, served_api: FakeApi) -> None:
        served_api.make_earlier(30)
        page = opened()

        assert "Your images" in said(page)
        assert len(buttons(page, "open-")) == 24
        assert sum(int(re.split(r" · | image", each.value)[1]) for each in page.subheader) == 24
        assert r"\$0.0" in page.subheader[0].value
        click(page, "more-images")
        assert len(buttons(page, "open-")) == 30
        assert zips(page) == ["Download these 30 as zip"]
        assert not buttons(page, "more-images")

    def test_the_newest_generation_is_first_and_its_images_are_in_order(self, served_api: FakeApi) -> None:
        """The API lists the image that was ready last first, and images of two generations may alternate."""
        served_api.make_earlier(5)
        listed = served_api.earlier
        for entry, (generation, seed) in zip(
            listed, (("new", 3), ("old", 8), ("new", 1), ("new", 2), ("old", 7)), strict=True
        ):
            entry.update(generation_id=generation, seed=seed, made_at=listed[0]["made_at"])

        page = opened()

        assert [button.label.rpartition(" ")[2] for button in buttons(page, "open-")] == ["1", "2", "3", "7", "8"]
        click(page, "open-")
        click(page, "turn-Right")
        assert "2 of 5" in said(page)
        assert "Seed 2 ·" in said(page)

    def test_its_pictures_are_small_renditions(self, served_api: FakeApi) -> None:
        served_api.make_earlier(2)
        opened()
        asked_for = [request["path"] for request in served_api.requests if request["path"].startswith("/images/")]
        assert sorted(asked_for) == sorted(f"/images/{entry['id']}.webp?width=384" for entry in served_api.earlier)

    def test_later_pages_stay_loaded_when_the_newest_is_reloaded(
        self, served_api: FakeApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served_api.make_earlier(60)
        page = opened()
        click(page, "more-images")
        monkeypatch.setattr("studio.gallery.FRESH_SECONDS", -1)
        served_api.deleted.add(served_api.earlier[0]["id"])
        page.run()

        assert [button.key for button in buttons(page, "open-")] == [
            f"open-{entry['id']}" for entry in served_api.earlier[1:48]
        ]
        click(page, "more-images")
        assert len(buttons(page, "open-")) == 59

    def test_the_lightbox_turns_copies_and_deletes(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.make_earlier(2)
        generate(page, "A lighthouse")
        click(page, "open-")
        assert "> A lighthouse" in said(page)
        assert page.button(key="turn-Left").disabled
        click(page, "turn-Right")
        assert "Its prompt is private" in said(page)
        assert page.button(key="use").disabled
        click(page, "copy-link")
        assert any("fresh" in element.proto.body and "copy" in element.proto.body for element in page.get("html"))
        click(page, "delete")

        assert len(served_api.deleted) == 1
        assert len(buttons(page, "open-")) == 2

    def test_an_earlier_image_brings_its_settings_back(self, page: AppTest) -> None:
        page.segmented_control(key="shape").set_value("Portrait")
        generate(page, "The first")
        page.segmented_control(key="shape").set_value("Square")
        generate(page, "The second")
        click(page, "open-", 1)

        click(page, "use")

        assert page.text_area(key="prompt").value == "The first"
        assert page.segmented_control(key="shape").value == "Portrait"
        assert (page.toggle(key="random").value, page.number_input(key="seed").value) == (False, 7)

    def test_a_deleted_image_is_reported(self, page: AppTest, served_api: FakeApi) -> None:
        generate(page, "A")
        st.cache_data.clear()
        served_api.deleted.add(next(entry["id"] for entry in served_api._gallery()))  # noqa: SLF001 - the fake's own
        click(page, "open-")

        assert "This image is gone" in said(page)

    def test_an_expired_link_is_renewed(self, page: AppTest, served_api: FakeApi) -> None:
        served_api.expired = True
        generate(page, "A")
        st.cache_data.clear()
        page.run()

        assert len(pictures(page)) == 1
        assert not page.warning

    def test_a_failing_gallery_is_reported_and_the_rest_works(
        self, page: AppTest, served_api: FakeApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("studio.gallery.FRESH_SECONDS", -1)
        monkeypatch.setattr(served_api, "_page", lambda _: {"images": "?"} if False else _fails())
        page.run()

        assert "Your images cannot be listed right now" in said(page)
        assert not page.exception


def _fails() -> None:
    raise ConnectionResetError


class TestAddress:
    def test_another_visit_finds_the_job_by_the_address(self, page: AppTest, served_api: FakeApi) -> None:
        generate(page, "A lighthouse")

        other = opened(page.query_params["job"])

        assert pictures(other) == pictures(page)
        assert other.text_area(key="prompt").value == "A lighthouse"
        assert len(served_api.jobs) == 1

    def test_the_back_button_shows_the_previous_result(self, page: AppTest, served_api: FakeApi) -> None:
        generate(page, "The first")
        first = page.query_params["job"]
        generate(page, "The second")
        page.query_params["job"] = first
        page.run()
        assert page.text_area(key="prompt").value == "The first"

        del page.query_params["job"]
        page.run()

        assert heading(page).startswith("Begin with one of these")
        assert len(served_api.jobs) == 2

    def test_a_restarted_studio_says_that_the_prompt_is_unknown(self, page: AppTest, served_api: FakeApi) -> None:
        generate(page, "A lighthouse")
        st.cache_resource.clear()

        other = opened(next(iter(served_api.jobs)))

        assert len(pictures(other)) == 1
        assert "The prompt of these images is not known here" in said(other)
        assert not buttons(other, "again-")

    @pytest.mark.parametrize("job", ["7d444840-9dc0-11d1-b245-5ffdce74fad2", "nonsense", "<script>"])
    def test_an_unknown_job_in_the_address_is_reported(self, served_api: FakeApi, job: str) -> None:
        page = opened(job)

        assert heading(page) == "These images are not known here"
        assert served_api.sent == []


def test_the_key_is_nowhere_on_the_page(page: AppTest) -> None:
    generate(page, "A lighthouse")

    assert KEY not in repr(page)
    assert KEY not in str(page.query_params)
    assert not re.search(KEY, "\n".join(str(element) for element in page.main))


def test_a_visit_stores_no_png(page: AppTest) -> None:
    page.segmented_control(key="number_of_images").set_value(4)
    generate(page, "A lighthouse")

    visit = page.session_state["visit"]
    assert not [each for shown in visit.history for each in shown.generation.places if hasattr(each, "bytes")]
    assert not visit.waiting.made
