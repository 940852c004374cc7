"""The studio in a real browser, over the laptop stack."""

import base64
import io
import os
import re
import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import LOG, SECONDS, answers, ask, studio, visit
from tests.e2e.laptop import Emulator, Stack, command, eventually, start
from text_to_image import generate_images
from text_to_image.errors import InvalidRequest, Unauthorized

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # playwright's own pipes


@pytest.fixture(scope="module")
def studio_url(stack: Stack) -> Iterator[str]:
    with studio(stack.folder, {"ENV_FILE": str(stack.folder / "env")}) as url:
        yield url


@pytest.fixture
def page(browser: Browser, studio_url: str, emulator: Emulator) -> Iterator[Page]:  # noqa: ARG001 - begins anew
    with visit(browser, studio_url) as page:
        yield page


def pictures(page: Page, number: int) -> list[Image.Image]:
    """Wait for this number of images, and return them."""
    shown = page.locator(".st-key-outcome [data-testid=stImage] img")
    expect(shown).to_have_count(number, timeout=SECONDS)
    return [_picture(shown.nth(place).get_attribute("src") or "") for place in range(number)]


def _picture(data_url: str) -> Image.Image:
    kind, _, encoded = data_url.partition(",")
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def is_blank(picture: Image.Image) -> bool:
    return len(picture.convert("RGB").getcolors(picture.width * picture.height) or ()) == 1


def see_it_move(page: Page) -> None:
    status = page.locator(".st-key-outcome summary").first
    expect(status).to_be_visible(timeout=SECONDS)
    for _ in range(4):
        expect(status).not_to_have_text(status.inner_text(), timeout=SECONDS)


def test_four_captioned_images_after_a_spinner_that_moved(page: Page, emulator: Emulator, api: httpx.Client) -> None:
    emulator.configure(latency_ms=8000)
    ask(page, f"A lighthouse in a storm {uuid.uuid4()}", 4)
    see_it_move(page)

    images = pictures(page, 4)
    assert {image.size for image in images} == {(1024, 1024)}
    assert not any(map(is_blank, images))
    assert len({image.tobytes() for image in images}) == 4
    for number in (1, 2, 3, 4):
        expect(page.get_by_text(f"Image {number} of 4 · seed")).to_be_visible()
    job = api.get(f"/jobs/{httpx.URL(page.url).params['job']}").json()
    seed = job["result"]["details"][0]["seed"]
    assert [call["images"] for call in emulator.calls() if call["seed"] == seed] == [4]


def test_a_laptop_charges_nothing_and_says_so(page: Page) -> None:
    expect(page.get_by_text("Preview: drawn locally, nothing is charged")).to_be_visible()
    expect(page.get_by_role("button", name="Generate")).to_have_text(re.compile("Generate 1 image · free"))
    assert "$" not in page.locator("#root").inner_text()


def test_a_throttled_job_says_why_it_waits_and_can_be_stopped(page: Page, emulator: Emulator) -> None:
    emulator.configure(faults=[{"model": "*", "error": "ThrottlingException", "times": 100}])
    ask(page, f"A lighthouse {uuid.uuid4()}")

    expect(page.get_by_text("The model ha").first).to_be_visible(timeout=SECONDS)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Nothing was made and nothing was charged")).to_be_visible(timeout=SECONDS)


def test_an_earlier_image_is_found_with_its_prompt_and_can_be_deleted(
    page: Page, browser: Browser, studio_url: str
) -> None:
    prompt = f"A river {uuid.uuid4()}"
    ask(page, prompt)
    pictures(page, 1)
    caption = page.locator(".st-key-outcome").get_by_text("Image 1 of 1 · seed")
    seed = caption.inner_text().split(" · ")[1]
    with visit(browser, studio_url) as another:
        another.get_by_role("button", name=re.compile(rf"^Open the image .*{seed}$")).click()
        dialog = another.get_by_role("dialog", name="Image")
        expect(dialog).to_contain_text(prompt, timeout=SECONDS)
        dialog.get_by_role("button", name="Delete").click()
        another.get_by_role("button", name="Delete this image").click()
        expect(dialog).to_be_hidden(timeout=SECONDS)


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
        page.get_by_role("button", name="Download", exact=True).click()

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


def test_an_odd_size(page: Page) -> None:
    page.get_by_text("More settings").click()
    expect(page.get_by_role("combobox", name="Model")).to_have_value("Automatic: the first that is available")
    page.get_by_role("radio", name="Own size").click()
    for label, side in (("Width (512 to 1024)", "777"), ("Height (512 to 1024)", "1001")):
        page.get_by_label(label).fill(side)
        page.get_by_label(label).press("Enter")
    ask(page, f"An odd size {uuid.uuid4()}")

    (image,) = pictures(page, 1)
    assert image.size == (777, 1001)


def test_a_blocked_prompt_is_explained(page: Page, emulator: Emulator) -> None:
    emulator.configure(block={"prompt_contains": "forbidden"})
    ask(page, f"A forbidden thing {uuid.uuid4()}")

    outcome = page.locator(".st-key-outcome")
    expect(outcome.get_by_role("heading")).to_have_text(
        "The model's content filter refused this prompt", timeout=SECONDS
    )
    expect(outcome.get_by_role("alert")).to_contain_text("Nothing is charged for previews")
    outcome.get_by_text("Details").click()
    expect(outcome).to_contain_text("Request id")

    emulator.configure()
    outcome.get_by_role("button", name="Try another seed").click()
    pictures(page, 1)


def test_a_wrong_key_is_explained(browser: Browser, stack: Stack, emulator: Emulator, tmp_path: Path) -> None:
    wrong = {"API_URL": stack.description["api_url"], "API_KEY": "a-wrong-key"}
    with studio(tmp_path, wrong) as address, visit(browser, address) as page:
        outcome = page.locator(".st-key-outcome")
        ask(page, "By nobody")
        expect(outcome.get_by_role("heading")).to_contain_text("does not accept the studio's key", timeout=SECONDS)
        outcome.get_by_text("Details").click()
        expect(outcome).to_contain_text("Request id")

        assert "a-wrong-key" not in page.content()
    assert emulator.calls() == []


def test_it_works_at_the_width_of_a_phone(browser: Browser, studio_url: str, emulator: Emulator) -> None:  # noqa: ARG001 - begins anew
    with visit(browser, studio_url, viewport={"width": 390, "height": 844}) as page:
        ask(page, f"A meadow with a river {uuid.uuid4()}", 2)
        pictures(page, 2)

        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        for place in (0, 1):
            image = page.locator(".st-key-outcome [data-testid=stImage] img").nth(place)
            expect(image).not_to_have_js_property("naturalWidth", 0)
            box = image.bounding_box()
            assert box
            assert box["width"] > 300


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


def test_the_client_works_with_the_stack(stack: Stack, emulator: Emulator, tmp_path: Path) -> None:
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


def test_two_concurrent_visitors_do_not_mix(stack: Stack, emulator: Emulator) -> None:
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
        eventually(lambda: not answers(first))
        second = _with_studio(stack)
    finally:
        after = start(stack.folder).description
    assert after == before
    assert not answers(second)


def _with_studio(stack: Stack) -> str:
    """Start or stop the studio of a running stack, and return its address."""
    ended = command(stack.folder, "up", "--studio")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Deploying" not in ended.stdout
    described = Stack(stack.folder).description
    url: str = described["studio_url"]
    assert answers(url)
    assert described == stack.description | {"studio_url": url}
    return url
