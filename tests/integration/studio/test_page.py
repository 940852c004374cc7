"""The page's states, without a browser."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from studio import client
from studio.page import EXAMPLES
from tests.fakes.studio_api import CORE, KEY, TITAN, FakeApi, problem

PAGE = Path(__file__).parents[3] / "studio" / "app.py"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0,))
    monkeypatch.setattr(client, "LOOK_AGAIN_SECONDS", 0.05)
    st.cache_resource.clear()


@pytest.fixture
def page(served_api: FakeApi) -> AppTest:
    assert served_api.url
    return AppTest.from_file(PAGE, default_timeout=30).run()


def generate(page: AppTest, prompt: str) -> AppTest:
    page.text_area(key="prompt").set_value(prompt)
    return submit(page)


def submit(page: AppTest) -> AppTest:
    (button,) = (button for button in page.button if button.label == "Generate")
    return button.click().run()


def said(page: AppTest) -> str:
    """All the words on the page."""
    elements = [*page.markdown, *page.caption, *page.warning, *page.get("html")]
    return "\n".join(str(getattr(element, "value", None) or element.proto.body) for element in elements)


def pictures(page: AppTest) -> list[str]:
    return [caption for image in page.image for caption in image.captions if caption]


def test_the_empty_page_offers_an_example_for_each_use(page: AppTest) -> None:
    assert not page.exception
    for use, prompt in EXAMPLES.items():
        assert f"**{use}**" in said(page)
        assert prompt in said(page)

    page.button(key="example-Prototyping").click().run()

    assert page.text_area(key="prompt").value == EXAMPLES["Prototyping"]
    assert f"{len(EXAMPLES['Prototyping'])} of 512" in said(page)


def test_the_price_is_told_before_the_click(page: AppTest, served_api: FakeApi) -> None:
    assert "1 image, at most $0.04" in said(page)

    page.segmented_control(key="number_of_images").set_value(4)
    page.selectbox(key="model").set_value(TITAN).run()

    assert "4 images, $0.04" in said(page)
    assert served_api.sent == []


def test_four_images_are_shown_with_their_captions(page: AppTest, served_api: FakeApi) -> None:
    page.segmented_control(key="number_of_images").set_value(4)
    page.toggle(key="random").set_value(False).run()
    generate(page, "A lighthouse")

    assert not page.exception
    assert pictures(page) == [
        f"Image {n} of 4 · seed {41 + n} · stable-image-core-v1 · 1024\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}1024"  # noqa: RUF001 - "by", of sizes
        for n in (1, 2, 3, 4)
    ]
    assert [each["number_of_images"] for each in served_api.sent] == [4]
    assert page.query_params["job"] == next(iter(served_api.jobs))


def test_every_parameter_is_sent(page: AppTest, served_api: FakeApi) -> None:
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
def test_a_shape_is_a_size(page: AppTest, served_api: FakeApi, shape: str, size: tuple[int, int]) -> None:
    page.segmented_control(key="shape").set_value(shape)
    generate(page, "A")

    assert (served_api.sent[0]["width"], served_api.sent[0]["height"]) == size


def test_once_more_keeps_a_size_of_ones_own(page: AppTest, served_api: FakeApi) -> None:
    page.segmented_control(key="shape").set_value("Own size").run()
    page.number_input(key="width").set_value(777)
    generate(page, "A")
    next(button for button in page.button if str(button.key).startswith("another-")).click().run()

    assert [request["width"] for request in served_api.sent] == [777, 777]
    assert page.number_input(key="width").value == 777


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", "Write what"),
        (" \n ", "Write what"),
        ("x" * 513, "513 characters; 512"),
        ("😀" * 513, "513 characters; 512"),
    ],
)
def test_a_prompt_that_cannot_be_sent_is_told(page: AppTest, served_api: FakeApi, prompt: str, words: str) -> None:
    generate(page, prompt)

    assert words in page.warning[0].value
    assert served_api.sent == []


def test_a_prompt_of_the_greatest_length_is_sent(page: AppTest, served_api: FakeApi) -> None:
    generate(page, "😀" * 512)

    assert len(served_api.sent) == 1
    assert not page.warning


def test_what_was_blocked_and_what_was_adjusted_is_shown(page: AppTest, served_api: FakeApi) -> None:
    served_api.blocked = (1,)
    served_api.warnings = [{"code": "model_fell_through", "field": "model", "detail": "Titan is retired."}]
    page.segmented_control(key="number_of_images").set_value(3)
    generate(page, "A harbour")

    assert len(pictures(page)) == 2
    assert "Image 2 of 3 was blocked" in said(page)
    assert "The content filter withheld this image." in said(page)
    assert "Titan is retired" in said(page)
    assert "2 of 3 images" in said(page)


def test_a_failed_job_is_told_with_remedy_and_request_id_and_tried_anew(page: AppTest, served_api: FakeApi) -> None:
    served_api.problem = problem(502, "model_error", "The model gave no picture.")
    generate(page, "A")

    assert "The model gave no picture" in said(page)
    assert "Try again, or try another seed" in said(page).replace("\\", "")
    assert "the-request-id" in said(page)

    served_api.problem = None
    page.button(key="retry").click().run()

    assert len(pictures(page)) == 1
    assert len(served_api.jobs) == 2


def test_a_reload_of_a_failed_job_tells_it_again_and_sends_nothing(page: AppTest, served_api: FakeApi) -> None:
    served_api.queued_seconds = 0.2
    served_api.problem = problem(502, "model_error", "The model gave no picture.")
    generate(page, "A")
    other = AppTest.from_file(PAGE, default_timeout=30)
    other.query_params["job"] = page.query_params["job"]

    other.run()

    assert "The model gave no picture" in said(other)
    assert len(served_api.sent) == 1


def test_a_blocked_prompt_can_be_tried_with_another_seed(page: AppTest, served_api: FakeApi) -> None:
    served_api.problem = problem(400, "content_blocked", "The filter refused it. Make the prompt clearer.")
    page.toggle(key="random").set_value(False).run()
    generate(page, "A")
    assert "Make the prompt clearer" in said(page)
    assert page.button(key="retry").label == "Try another seed"

    served_api.problem = None
    page.button(key="retry").click().run()

    assert [request["seed"] for request in served_api.sent] == [42, None]
    assert page.toggle(key="random").value is True
    assert len(pictures(page)) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(400, "invalid_request"), (402, "budget_exhausted"), (422, "key_reused"), (404, "not_found")]
)
def test_what_only_a_change_can_mend_is_not_offered_again(
    page: AppTest, served_api: FakeApi, status: int, code: str
) -> None:
    served_api.refusals = [(status, problem(status, code, "It cannot be. Change it."), {})]
    generate(page, "A")

    assert "It cannot be" in said(page)
    assert "Change it" in said(page)
    assert not [button for button in page.button if button.key == "retry"]
    assert len(pictures(submit(page))) == 1


def test_an_api_that_refuses_for_a_while_costs_once(page: AppTest, served_api: FakeApi) -> None:
    served_api.refusals = [(503, problem(503, "dependency_unavailable", "The table is away."), {})] * 2
    generate(page, "A")
    assert "The table is away" in said(page)
    assert "job" not in page.query_params

    page.button(key="retry").click().run()

    assert len(pictures(page)) == 1
    assert len({request["headers"]["idempotency-key"] for request in served_api.requests if request["body"]}) == 1


def test_a_wrong_key_is_told_before_anything_is_asked(served_api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "wrong")
    page = AppTest.from_file(PAGE, default_timeout=30).run()

    assert "The API key is unknown" in said(page)
    assert served_api.sent == []
    assert "wrong" not in said(page)


def test_a_dead_api_is_told(monkeypatch: pytest.MonkeyPatch, served_api: FakeApi) -> None:
    monkeypatch.setenv("API_URL", "http://127.0.0.1:9/api")
    page = AppTest.from_file(PAGE, default_timeout=30).run()
    assert "The API cannot be reached" in said(page)

    generate(page, "A")
    assert not page.exception
    assert "The API cannot be reached" in said(page)

    monkeypatch.setenv("API_URL", served_api.url)
    page.button(key="retry").click().run()
    assert len(pictures(page)) == 1


def test_no_address_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("API_URL", "API_KEY", "ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    page = AppTest.from_file(PAGE, default_timeout=30).run()

    assert "API_URL" in said(page).replace("\\", "")


@pytest.mark.parametrize(("which", "seed"), [("again", 7), ("another", None)])
def test_once_more_keeps_the_prompt_and_the_model(
    page: AppTest, served_api: FakeApi, which: str, seed: int | None
) -> None:
    page.segmented_control(key="number_of_images").set_value(2)
    generate(page, "A lighthouse")
    (button, _) = (button for button in page.button if str(button.key).startswith(f"{which}-"))

    button.click().run()

    once_more = served_api.sent[1]
    assert (once_more["text"], once_more["number_of_images"], once_more["model"]) == ("A lighthouse", 1, CORE)
    assert once_more["seed"] == seed
    assert page.text_area(key="prompt").value == "A lighthouse"


@pytest.mark.parametrize(("place", "number"), [(0, 1), (2, 3)])
def test_an_image_that_shares_its_seed_comes_again_with_the_others(
    page: AppTest, served_api: FakeApi, place: int, number: int
) -> None:
    served_api.one_seed = True
    page.segmented_control(key="number_of_images").set_value(3)
    generate(page, "A lighthouse")
    button = [button for button in page.button if str(button.key).startswith("again-")][place]
    assert ("3 images" in button.help) is (number == 3)

    button.click().run()

    assert (served_api.sent[1]["seed"], served_api.sent[1]["number_of_images"]) == (7, number)


def test_the_visit_has_a_history(page: AppTest) -> None:
    generate(page, "The first")
    generate(page, "The second")
    assert "Earlier in this visit" in said(page)
    (earlier,) = (button for button in page.button if str(button.key).startswith("show-"))
    assert earlier.label == "The first"

    earlier.click().run()

    assert [button.label for button in page.button if str(button.key).startswith("show-")] == ["The second"]


def test_another_visit_finds_the_job_by_the_address(page: AppTest, served_api: FakeApi) -> None:
    generate(page, "A lighthouse")
    other = AppTest.from_file(PAGE, default_timeout=30)
    other.query_params["job"] = page.query_params["job"]

    other.run()

    assert pictures(other) == pictures(page)
    assert other.text_area(key="prompt").value == "A lighthouse"
    assert len(served_api.jobs) == 1


@pytest.mark.parametrize("job", ["7d444840-9dc0-11d1-b245-5ffdce74fad2", "nonsense", "<script>"])
def test_an_address_with_a_job_that_is_none_says_so(served_api: FakeApi, job: str) -> None:
    page = AppTest.from_file(PAGE, default_timeout=30)
    page.query_params["job"] = job
    page.run()

    assert "There is no such job" in said(page)
    assert served_api.sent == []


def test_the_key_is_nowhere_on_the_page(page: AppTest) -> None:
    generate(page, "A lighthouse")

    assert KEY not in repr(page)
    assert KEY not in str(page.query_params)
    assert not re.search(KEY, "\n".join(str(element) for element in page.main))
