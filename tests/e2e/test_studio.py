"""The studio in a real browser, over the laptop stack."""

import io
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from local import net
from studio.client import generate_images
from studio.errors import InvalidRequest, Unauthorized
from tests.e2e.laptop import PROJECT, Emulator, Stack, command, eventually, start
from tests.fakes.studio_api import KEY, FakeApi, problem, served

SECONDS = 60_000.0
LOG = "studio-of-the-tests.log"

STUDIO = (sys.executable, "-m", "streamlit", "run", "studio/app.py")
IMPATIENT = """
import httpx
from streamlit.web.cli import main
from studio import client

client.TIMEOUT, client.PAUSES = httpx.Timeout(3), ()
main(["run", "studio/app.py"])
"""

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # playwright's own pipes


@pytest.fixture(scope="module")
def studio_url(stack: Stack) -> Iterator[str]:
    with studio(stack.folder, {"ENV_FILE": str(stack.folder / "env")}) as url:
        yield url


@contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - Playwright's
    with browser.new_context(accept_downloads=True, **options) as context:
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(url)
        expect(page.get_by_label("Prompt", exact=True)).to_be_visible(timeout=SECONDS)
        yield page


@pytest.fixture
def page(browser: Browser, studio_url: str, emulator: Emulator) -> Iterator[Page]:  # noqa: ARG001 - begins anew
    with visit(browser, studio_url) as page:
        yield page


def ask(page: Page, prompt: str, images: int = 1) -> None:
    if images > 1:
        page.get_by_role("radio", name=str(images), exact=True).click()
        expect(page.get_by_text(f"{images} images, ")).to_be_visible(timeout=SECONDS)
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.keyboard.press("Control+Enter")


def pictures(page: Page, number: int) -> list[Image.Image]:
    """What the browser shows, once it shows so many."""
    shown = page.locator("[data-testid=stImage] img")
    expect(shown).to_have_count(number, timeout=SECONDS)
    addresses = [shown.nth(place).get_attribute("src") or "" for place in range(number)]
    return [
        Image.open(io.BytesIO(page.request.get(httpx.URL(page.url).join(each).__str__()).body())) for each in addresses
    ]


def is_blank(picture: Image.Image) -> bool:
    return all(low == high for low, high in picture.convert("RGB").getextrema())


def see_it_move(page: Page) -> None:
    status = page.locator(".studio-status")
    expect(status).to_be_visible(timeout=SECONDS)
    for _ in range(3):
        expect(status).not_to_have_text(status.inner_text())


def test_four_captioned_images_after_a_spinner_that_moved(page: Page, emulator: Emulator) -> None:
    emulator.configure(latency_ms=3000)
    ask(page, f"A lighthouse in a storm {uuid.uuid4()}", 4)
    see_it_move(page)

    images = pictures(page, 4)
    assert {image.size for image in images} == {(1024, 1024)}
    assert not any(map(is_blank, images))
    assert len({image.tobytes() for image in images}) == 4
    for number in (1, 2, 3, 4):
        expect(page.get_by_text(f"Image {number} of 4 · seed")).to_be_visible()
    assert sum(call["images"] for call in emulator.calls()) == 4


def test_a_double_click_costs_once(page: Page, emulator: Emulator) -> None:
    emulator.configure(latency_ms=2000)
    page.get_by_label("Prompt", exact=True).fill(f"A bridge {uuid.uuid4()}")
    page.get_by_role("button", name="Generate").dblclick()

    pictures(page, 1)
    assert sum(call["images"] for call in emulator.calls()) == 1


def test_an_image_can_be_downloaded(page: Page, tmp_path: Path) -> None:
    ask(page, f"A harbour {uuid.uuid4()}")
    pictures(page, 1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()

    download.value.save_as(tmp_path / "it.png")
    assert download.value.suggested_filename.endswith(".png")
    with Image.open(tmp_path / "it.png") as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (1024, 1024))


def test_a_reload_and_a_second_tab_find_the_job_again_and_pay_once(page: Page, emulator: Emulator) -> None:
    emulator.configure(latency_ms=4000)
    prompt = f"A village in winter {uuid.uuid4()}"
    ask(page, prompt)
    page.wait_for_url("**/?job=*", timeout=SECONDS)

    page.reload()
    expect(page.locator(".studio-status")).to_be_visible(timeout=SECONDS)
    second = page.context.new_page()
    second.goto(page.url)

    (first,), (other,) = pictures(page, 1), pictures(second, 1)
    assert first.tobytes() == other.tobytes()
    assert page.get_by_label("Prompt", exact=True).input_value() == prompt
    assert sum(call["images"] for call in emulator.calls()) == 1


def test_the_key_is_neither_on_the_page_nor_in_its_address(page: Page, stack: Stack) -> None:
    seen: list[str] = []
    page.on("request", lambda request: seen.append(f"{request.url} {request.headers}"))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: seen.append(str(frame))))
    page.reload()
    ask(page, f"A meadow {uuid.uuid4()}")
    pictures(page, 1)

    assert len(seen) > 10
    key = stack.description["api_key"]
    assert not [line for line in [*seen, page.content(), page.url] if key in line]
    hosts = {httpx.URL(line.split()[0]).host for line in seen if line.startswith("http")}
    assert hosts == {"127.0.0.1"}


def test_the_counter_counts_while_writing_and_513_characters_are_refused(page: Page, emulator: Emulator) -> None:
    page.get_by_label("Prompt", exact=True).fill("😀" * 513)
    expect(page.get_by_text("513 of 512")).to_be_visible()
    page.keyboard.press("Control+Enter")

    expect(page.get_by_text("513 characters; 512 are the most")).to_be_visible(timeout=SECONDS)
    assert emulator.calls() == []


def test_a_blank_prompt_is_told(page: Page, emulator: Emulator) -> None:
    page.get_by_label("Prompt", exact=True).fill("  ")
    page.get_by_role("button", name="Generate").click()

    expect(page.get_by_text("Write what the image should show")).to_be_visible(timeout=SECONDS)
    assert emulator.calls() == []


def test_an_odd_size(page: Page) -> None:
    page.get_by_text("More settings").click()
    expect(page.get_by_role("combobox", name="Model")).to_have_value("Automatic: the first that can be had")
    page.get_by_role("radio", name="Own size").click()
    for label, side in (("Width", "777"), ("Height", "1001")):
        page.get_by_label(label).fill(side)
        page.get_by_label(label).press("Enter")
    ask(page, f"An odd size {uuid.uuid4()}")

    (image,) = pictures(page, 1)
    assert image.size == (777, 1001)


def test_a_blocked_prompt_is_told_in_words(page: Page, emulator: Emulator) -> None:
    emulator.configure(block={"prompt_contains": "forbidden"})
    ask(page, f"A forbidden thing {uuid.uuid4()}")

    error = page.locator(".st-key-error")
    expect(error).to_contain_text("refused", timeout=SECONDS)
    expect(error).to_contain_text("Make the prompt clearer")
    expect(error).to_contain_text("Request id")

    emulator.configure()
    error.get_by_role("button", name="Try another seed").click()
    pictures(page, 1)


def test_a_wrong_key_is_told_in_words(browser: Browser, stack: Stack, emulator: Emulator, tmp_path: Path) -> None:
    wrong = {"API_URL": stack.description["api_url"], "API_KEY": "a-wrong-key"}
    with studio(tmp_path, wrong) as address, visit(browser, address) as page:
        error = page.locator(".st-key-error")
        expect(error).to_contain_text("key", timeout=SECONDS)
        ask(page, "By nobody")
        expect(error).to_contain_text("Request id", timeout=SECONDS)

        assert "a-wrong-key" not in page.content()
    assert emulator.calls() == []


def test_it_works_at_the_width_of_a_phone(browser: Browser, studio_url: str, emulator: Emulator) -> None:  # noqa: ARG001 - begins anew
    with visit(browser, studio_url, viewport={"width": 390, "height": 844}) as page:
        ask(page, f"A meadow with a river {uuid.uuid4()}", 2)
        pictures(page, 2)

        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        for box in (page.locator("[data-testid=stImage] img").nth(place).bounding_box() for place in (0, 1)):
            assert box
            assert box["width"] > 300


def test_an_api_that_hangs_and_then_answers(browser: Browser, tmp_path: Path) -> None:
    api = FakeApi()
    with (
        served(api) as url,
        studio(tmp_path, {"API_URL": url, "API_KEY": KEY}) as address,
        visit(browser, address) as page,
    ):
        expect(page.get_by_text("1 image, ")).to_be_visible(timeout=SECONDS)
        api.awake.clear()
        ask(page, "Nobody answers yet")
        expect(page.locator(".studio-status")).to_contain_text("the API is slow to answer", timeout=SECONDS)
        see_it_move(page)

        page.reload()
        expect(page.locator(".studio-status")).to_be_visible(timeout=SECONDS)
        api.awake.set()
        pictures(page, 1)
        assert page.get_by_label("Prompt", exact=True).input_value() == "Nobody answers yet"
    assert len(api.jobs) == 1


def test_an_api_that_never_answers_is_told(browser: Browser, tmp_path: Path) -> None:
    api = FakeApi()
    with (
        served(api) as url,
        studio(tmp_path, {"API_URL": url, "API_KEY": KEY}, (sys.executable, "-c", IMPATIENT)) as address,
        visit(browser, address) as page,
    ):
        expect(page.get_by_text("1 image, ")).to_be_visible(timeout=SECONDS)
        api.awake.clear()
        ask(page, "Nobody ever answers")
        error = page.locator(".st-key-error")
        expect(error).to_contain_text("The API does not answer in time", timeout=SECONDS)
        expect(error).to_contain_text("Try again in a moment")

        api.awake.set()
        error.get_by_role("button", name="Try again").click()
        pictures(page, 1)
    assert len(api.jobs) == 1


def test_a_page_opened_while_the_api_hangs_says_so(browser: Browser, tmp_path: Path) -> None:
    api = FakeApi()
    api.awake.clear()
    with (
        served(api) as url,
        studio(tmp_path, {"API_URL": url, "API_KEY": KEY}) as address,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_text("Asking the API for its models")).to_be_visible(timeout=SECONDS)
        expect(page.get_by_text("The API does not answer in time")).to_be_visible(timeout=SECONDS)
        expect(page.get_by_label("Prompt", exact=True)).to_be_visible()

        api.awake.set()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("1 image, ")).to_be_visible(timeout=SECONDS)


def test_an_api_that_is_slow_refuses_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    api = FakeApi(queued_seconds=60)
    with (
        served(api) as url,
        studio(tmp_path, {"API_URL": url, "API_KEY": KEY}) as address,
        visit(browser, address) as page,
    ):
        ask(page, "Stopped while it is queued")
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("nothing was paid")).to_be_visible(timeout=SECONDS)

        api.queued_seconds = 0
        api.refusals = [(500, problem(500, "internal_error", "Something broke."), {})]
        ask(page, "Refused once")
        expect(page.get_by_text("Something broke")).to_be_visible(timeout=SECONDS)
        expect(page.get_by_text("the-request-id")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        pictures(page, 1)


def test_an_api_that_is_down_is_told(browser: Browser, tmp_path: Path) -> None:
    nobody = {"API_URL": net.url(net.free_port()), "API_KEY": KEY}
    with studio(tmp_path, nobody) as address, visit(browser, address) as page:
        expect(page.get_by_text("The API cannot be reached")).to_be_visible(timeout=SECONDS)
        ask(page, "Nobody answers")
        expect(page.locator(".studio-status")).to_be_visible(timeout=SECONDS)
        expect(page.get_by_text("The API cannot be reached")).to_be_visible(timeout=SECONDS)
        expect(page.get_by_role("button", name="Try again")).to_be_visible(timeout=SECONDS)


def test_make_studio_shows_a_deployed_stack_and_logs_neither_key_nor_prompt(
    browser: Browser, stack: Stack, emulator: Emulator, tmp_path: Path
) -> None:
    told = [f"API_URL={stack.description['api_url']}", f"API_KEY={stack.description['api_key']}"]
    with studio(tmp_path, {}, ["make", "studio", *told]) as address, visit(browser, address) as page:
        ask(page, f"A bridge {uuid.uuid4()}")
        pictures(page, 1)

    assert sum(call["images"] for call in emulator.calls()) == 1
    said = (tmp_path / LOG).read_text()
    assert address in said
    assert stack.description["api_key"] not in said
    assert "bridge" not in said


def test_the_client_speaks_with_the_stack(stack: Stack, emulator: Emulator, tmp_path: Path) -> None:
    told = {"base_url": stack.description["api_url"], "api_key": stack.description["api_key"]}
    key = str(uuid.uuid4())
    generation = generate_images("A beautiful sunset", 640, 512, 2, idempotency_key=key, **told)
    again = generate_images("A beautiful sunset", 640, 512, 2, idempotency_key=key, **told)

    assert [file.stem for file in generation.save(tmp_path)] == [image.id for image in again.images]
    assert again.replayed
    assert {image.image().size for image in generation.images} == {(640, 512)}
    assert sum(call["images"] for call in emulator.calls()) == 2
    with pytest.raises(Unauthorized):
        generate_images("a", base_url=told["base_url"], api_key="wrong")
    with pytest.raises(InvalidRequest) as raised:
        generate_images("a", 100, **told)
    assert raised.value.errors[0][0] == "width"
    assert raised.value.request_id


def test_two_at_once_do_not_meet(stack: Stack, emulator: Emulator) -> None:
    told = {"base_url": stack.description["api_url"], "api_key": stack.description["api_key"]}
    key = str(uuid.uuid4())
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(generate_images("twins", idempotency_key=key, **told).id))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 2
    assert len(set(made)) == 1
    assert sum(call["images"] for call in emulator.calls()) == 1


def test_the_stack_starts_and_stops_it_when_asked_to_and_deploys_nothing(stack: Stack) -> None:
    before = stack.description
    try:
        first = _with_studio(stack)
        os.kill(int((stack.folder / "processes" / "studio.pid").read_text()), signal.SIGKILL)
        second = _with_studio(stack)
        assert not _answers(first)
    finally:
        after = start(stack.folder).description
    assert after == before
    assert not _answers(second)


def _with_studio(stack: Stack) -> str:
    """Its address, in a stack that is otherwise left as it was."""
    ended = command(stack.folder, "up", "--studio")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Deploying" not in ended.stdout
    described = Stack(stack.folder).description
    url: str = described["studio_url"]
    assert _answers(url)
    assert described == stack.description | {"studio_url": url}
    return url
