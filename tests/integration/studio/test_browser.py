"""The studio in a real browser, with a fake API."""

import io
import itertools
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it ships no types
from playwright.sync_api import Browser, Locator, Page, ViewportSize, WebSocketRoute, expect

from local import net
from tests.e2e.browsing import LOG, SECONDS, ask, blank_page, browser, studio, visit
from tests.e2e.laptop import eventually
from tests.fakes.studio_api import KEY, FakeApi, problem, served

__all__ = ["browser"]

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # playwright's own pipes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def studio_url(folder: Path) -> Iterator[str]:
    with studio(folder, {"ENV_FILE": str(folder / "env")}) as url:
        yield url


@pytest.fixture
def api(folder: Path) -> Iterator[FakeApi]:
    """The test's own API; the studio reads its address at each run."""
    api = FakeApi()
    with served(api) as url:
        (folder / "env").write_text(f"API_URL={url}\nAPI_KEY={KEY}\n")
        yield api


@pytest.fixture
def page(browser: Browser, studio_url: str, api: FakeApi) -> Iterator[Page]:
    assert api.url
    with visit(browser, studio_url, viewport=WIDE, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


def heading(page: Page, words: str | re.Pattern[str]) -> Locator:
    found = page.locator(".st-key-outcome").get_by_role("heading", name=words)
    expect(found).to_be_visible(timeout=SECONDS)
    return found


def generated(page: Page, prompt: str, images: int = 1) -> None:
    ask(page, prompt, images)
    heading(page, re.compile(rf"^{images} images? ·"))
    expect(page.locator(".st-key-gallery [class*=st-key-tile-] img").first).to_be_visible(timeout=SECONDS)


def begun(page: Page, api: FakeApi) -> None:
    """Generate, and wait until the page's address has the job's id."""
    api.held = "running"
    ask(page, "A lighthouse")
    expect(page.locator(".st-key-outcome summary")).to_contain_text("Making the images", timeout=SECONDS)
    page.wait_for_url(lambda url: url.endswith(next(iter(api.jobs), "-")))


def redrawn(page: Page) -> None:
    status = page.locator(".st-key-outcome summary")
    expect(status).not_to_have_text(status.inner_text(), timeout=SECONDS)


def opened(page: Page, place: int) -> Locator:
    """Open the tile's image, and wait until its window has the focus and the keys."""
    tiles(page).nth(place).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_focused(timeout=SECONDS)
    return dialog


def live(page: Page) -> Locator:
    return page.locator("#studio-live")


def tiles(page: Page) -> Locator:
    return page.locator(".st-key-gallery").get_by_role("button", name="Open the image")


def sent(api: FakeApi) -> int:
    return len(api.sent)


def test_a_wait_shows_why_and_for_how_long_and_can_be_stopped_again(page: Page, api: FakeApi) -> None:
    api.held = "queued"
    ask(page, "A lighthouse")
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=SECONDS)
    api.held = "running"
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=SECONDS)
    api.held = "queued"
    api.waiting = {"code": "throttled", "detail": "Too many", "retry_at": "2099-01-01T00:00:00Z"}

    expect(page.get_by_text("Waiting for the model").first).to_be_visible(timeout=SECONDS)
    told = page.locator(".st-key-outcome").get_by_text("Tried again in")
    expect(told).to_contain_text("Nothing is charged yet. You may close this page")
    expect(told).not_to_have_text(told.inner_text(), timeout=SECONDS)
    expect(live(page)).to_contain_text("Waiting for the model")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Nothing was made and nothing was charged")).to_be_visible(timeout=SECONDS)


def test_the_page_can_be_used_while_it_waits(page: Page, api: FakeApi) -> None:
    api.make_earlier(3)
    page.reload()
    api.held = "running"
    ask(page, "A lighthouse")
    heading(page, "Making 1 image")

    dialog = opened(page, 0)
    expect(dialog).to_contain_text("1 of 3", timeout=SECONDS)
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("2 of 3", timeout=SECONDS)
    page.keyboard.press("Escape")
    api.held = None
    heading(page, "1 image ·")
    assert sent(api) == 1


def test_a_change_of_the_page_does_not_send_again_what_is_being_sent(page: Page, api: FakeApi) -> None:
    api.hangs = "/generate"
    api.awake.clear()
    ask(page, "A lighthouse")
    heading(page, "Making 1 image")

    page.get_by_role("radio", name="Own size").click()
    expect(page.get_by_label("Width (512 to 1024)")).to_be_visible(timeout=SECONDS)
    redrawn(page)
    api.awake.set()
    heading(page, "1 image ·")
    assert sent(api) == 1


def test_the_time_goes_on_between_the_answers_of_the_api(page: Page, api: FakeApi) -> None:
    begun(page, api)
    api.hangs = "/jobs/"
    api.awake.clear()
    redrawn(page)
    redrawn(page)
    redrawn(page)
    api.held = None
    api.awake.set()
    heading(page, "1 image ·")


def test_shown_images_do_not_depend_on_files_that_streamlit_deletes(page: Page) -> None:
    generated(page, "A lighthouse")
    tiles(page).first.click()
    expect(page.get_by_role("dialog").locator("img")).to_be_visible(timeout=SECONDS)

    sources: list[str] = page.evaluate("[...document.images].map(image => image.src)")
    assert len(sources) == 3
    assert all(source.startswith("data:image/webp;base64,") for source in sources)


def test_a_size_that_was_typed_outside_the_limits_is_refused(page: Page, api: FakeApi) -> None:
    page.get_by_role("radio", name="Own size").click()
    page.get_by_label("Width (512 to 1024)").fill("2000")
    ask(page, "Too wide")

    expect(page.get_by_text("Width must be between 512 and 1024 pixels, not 2000").first).to_be_visible(timeout=SECONDS)
    expect(page.get_by_label("Width (512 to 1024)")).to_have_value("2000")
    assert sent(api) == 0


def test_a_style_does_not_replace_the_written_prompt(page: Page) -> None:
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("A fox in the snow")
    style = page.get_by_role("button", name="Watercolour")
    style.click()

    expect(prompt).to_have_value("A fox in the snow, watercolour on paper, soft edges", timeout=SECONDS)
    expect(style).to_have_attribute("aria-pressed", "true")
    style.click()
    expect(prompt).to_have_value("A fox in the snow", timeout=SECONDS)
    expect(style).to_have_attribute("aria-pressed", "false")


def test_the_counter_counts_characters_while_writing(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).fill("😀" * 513)

    expect(page.get_by_text("513 of 512")).to_be_visible()


def test_the_first_image_is_seen_without_scrolling_beside_the_settings(page: Page) -> None:
    generated(page, "A lighthouse")

    first = page.locator(".st-key-one img")
    expect(first).not_to_have_js_property("naturalWidth", 0)
    image = first.bounding_box()
    settings = page.locator(".st-key-settings").bounding_box()
    assert image
    assert settings
    assert image["x"] >= settings["x"] + settings["width"]
    assert image["y"] + image["height"] <= WIDE["height"]


def test_an_image_is_never_drawn_larger_than_it_is(page: Page) -> None:
    page.get_by_role("radio", name="Own size").click()
    for label in ("Width (512 to 1024)", "Height (512 to 1024)"):
        page.get_by_label(label).fill("512")
        page.get_by_label(label).press("Enter")
    generated(page, "Small")

    image = page.locator(".st-key-one img")
    expect(image).to_have_js_property("naturalWidth", 512)
    box = image.bounding_box()
    assert box
    assert (round(box["width"]), round(box["height"])) == (512, 512)


def test_back_and_forward_go_from_one_result_to_the_other(page: Page, api: FakeApi) -> None:
    generated(page, "The first")
    page.wait_for_url("**/?job=*")
    first = page.url
    generated(page, "The second", 2)
    page.wait_for_url(lambda url: "job=" in url and url != first)

    page.go_back()
    heading(page, "1 image ·")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("The first", timeout=SECONDS)
    page.go_back()
    heading(page, "Begin with one of these")
    page.go_forward()
    heading(page, "1 image ·")
    assert sent(api) == 2


def test_the_gallery_survives_a_reload_and_shows_one_image_large(page: Page, api: FakeApi) -> None:
    api.make_earlier(2)
    generated(page, "A lighthouse")
    page.goto(page.url.partition("?")[0])
    expect(tiles(page)).to_have_count(3, timeout=SECONDS)

    dialog = opened(page, 0)
    expect(dialog).to_contain_text("A lighthouse", timeout=SECONDS)
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("2 of 3", timeout=SECONDS)
    expect(dialog).to_contain_text("Its prompt is private")
    page.keyboard.press("ArrowLeft")
    expect(dialog).to_contain_text("1 of 3", timeout=SECONDS)


def test_link_prompt_and_seed_can_be_copied(page: Page) -> None:
    generated(page, "A lighthouse")
    tiles(page).nth(0).click()

    for button, copied in (("Copy prompt and seed", "A lighthouse\nseed 7"), ("Copy link", "fresh")):
        page.get_by_role("button", name=button).click()
        expect(live(page)).to_contain_text("Copied", timeout=SECONDS)
        page.wait_for_function("text => navigator.clipboard.readText().then(it => it.includes(text))", arg=copied)
    assert KEY not in page.evaluate("navigator.clipboard.readText()")


def test_one_image_or_all_can_be_downloaded_even_when_links_have_expired(page: Page, api: FakeApi) -> None:
    api.expired = True
    generated(page, "A stormy lighthouse", 2)

    png = _downloaded(page, page.get_by_role("button", name="Download", exact=True).first)
    assert png.startswith(b"\x89PNG")
    with zipfile.ZipFile(io.BytesIO(_downloaded(page, page.get_by_role("button", name="Download all 2")))) as archive:
        assert all(name.startswith("a-stormy-lighthouse-") for name in archive.namelist())
        assert {archive.read(name)[:4] for name in archive.namelist()} == {b"\x89PNG"}


def _downloaded(page: Page, button: Locator) -> bytes:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes()


def test_an_image_is_deleted_after_confirmation(page: Page, api: FakeApi) -> None:
    generated(page, "A lighthouse")
    tiles(page).nth(0).click()
    page.get_by_role("button", name="Delete").click()
    assert not api.deleted
    page.get_by_role("button", name="Delete this image").click()

    expect(tiles(page)).to_have_count(0, timeout=SECONDS)
    assert len(api.deleted) == 1


def test_each_image_appears_as_soon_as_it_is_made(page: Page, api: FakeApi) -> None:
    api.held, api.made = "running", 1
    ask(page, "Four", 4)
    images = page.locator(".st-key-outcome [data-testid=stImage] img")
    expect(images).to_have_count(1, timeout=SECONDS)
    api.made = 3
    expect(images).to_have_count(3, timeout=SECONDS)
    expect(live(page)).to_contain_text("3 are there already")
    api.held = None
    expect(images).to_have_count(4, timeout=SECONDS)
    expect(page.get_by_role("button", name="Generate 4 images")).to_be_enabled(timeout=SECONDS)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Four")


def test_start_and_end_are_announced_and_focus_goes_to_the_result(page: Page, api: FakeApi) -> None:
    api.held = "running"
    ask(page, "A lighthouse")
    expect(live(page)).to_contain_text("Making the images", timeout=SECONDS)
    expect(heading(page, "Making 1 image")).to_be_focused(timeout=SECONDS)
    api.held = None

    expect(live(page)).to_have_text("1 image ready, $0.04.", timeout=SECONDS)
    expect(heading(page, "1 image ·")).to_be_focused(timeout=SECONDS)
    api.problem = problem(502, "model_error", "No picture.")
    ask(page, "Another")
    expect(heading(page, "The model could not make a picture")).to_be_focused(timeout=SECONDS)
    expect(page.get_by_role("alert")).to_contain_text("Try again")


State = Callable[[Page, FakeApi], None]


def _waiting(page: Page, api: FakeApi) -> None:
    api.held = "queued"
    api.waiting = {"code": "throttled", "detail": "Too many", "retry_at": "2099-01-01T00:00:00Z"}
    ask(page, "A", 2)
    expect(page.locator(".st-key-outcome").get_by_text("Tried again in")).to_be_visible(timeout=SECONDS)


def _running(page: Page, api: FakeApi) -> None:
    api.held, api.made = "running", 1
    ask(page, "A", 2)
    expect(page.locator(".st-key-outcome img")).to_have_count(1, timeout=SECONDS)


def _done(page: Page, api: FakeApi) -> None:
    api.blocked = (1,)
    api.warnings = [{"code": "enlarged", "field": "width", "detail": "…"}]
    ask(page, "A", 3)
    heading(page, "2 of 3 images")


def _failed(page: Page, api: FakeApi) -> None:
    api.problem = problem(400, "content_blocked", "No.")
    ask(page, "A")
    heading(page, "The model's content filter refused this prompt")
    page.get_by_text("Details").click()


def _refused(page: Page, _: FakeApi) -> None:
    page.get_by_role("radio", name="Own size").click()
    page.get_by_text("More settings").click()
    page.get_by_label("Width (512 to 1024)").fill("1")
    ask(page, "")
    expect(page.get_by_text("Write what the image should show")).to_be_visible(timeout=SECONDS)


def _large(page: Page, _: FakeApi) -> None:
    tiles(page).nth(0).click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible(timeout=SECONDS)


def _empty(page: Page, _: FakeApi) -> None:
    expect(tiles(page).first).to_be_visible(timeout=SECONDS)


STATES: tuple[State, ...] = (_empty, _waiting, _running, _done, _failed, _refused, _large)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__.strip("_"))
def test_axe_finds_nothing_in_any_state(
    browser: Browser, studio_url: str, api: FakeApi, state: State, scheme: str
) -> None:
    api.make_earlier(2)
    with visit(browser, studio_url, viewport=WIDE, color_scheme=scheme) as page:
        state(page, api)
        assert _headings_in_order(page)
        for viewport in (WIDE, PHONE):
            page.set_viewport_size(viewport)
            expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=SECONDS)
            assert _violations(page) == []
        assert _too_small(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def _violations(page: Page) -> list[tuple[str, str, str]]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        (each["impact"], each["id"], node["html"])
        for each in found
        if each["impact"] in {"moderate", "serious", "critical"}
        for node in each["nodes"]
    ]


def _headings_in_order(page: Page) -> bool:
    levels: list[int] = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(each => Number(each.tagName[1]))"
    )
    return levels[0] == 1 and all(after <= before + 1 for before, after in itertools.pairwise(levels))


def _too_small(page: Page) -> list[str]:
    """Return touch targets below 44 pixels and text below 16 pixels."""
    found: list[str] = page.evaluate(
        """() => {
          const seen = (each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true });
          const told = (each) => `${each.tagName} ${each.getAttribute("aria-label") ?? each.textContent}`;
          const main = document.querySelector("[role=dialog]") ?? document.querySelector(".st-key-studio");
          const targets = [...main.querySelectorAll("button, [role=radio], summary, textarea")].filter(seen);
          const words = [...main.querySelectorAll("p, label, button")].filter(seen).filter((each) => each.textContent);
          return [
            ...targets.filter((each) => Math.round(each.getBoundingClientRect().height) < 44).map(told),
            ...words.filter((each) => parseFloat(getComputedStyle(each).fontSize) < 16).map(told),
          ];
        }"""
    )
    return found


class TestBadInput:
    def test_a_page_that_is_not_redrawn_any_more_loads_itself_again(
        self, browser: Browser, studio_url: str, api: FakeApi
    ) -> None:
        sockets: list[WebSocketRoute] = []
        is_lost = False

        def connect(socket: WebSocketRoute) -> None:
            sockets.append(socket)
            server = socket.connect_to_server()
            server.on_message(lambda message: None if is_lost and socket is sockets[0] else socket.send(message))

        with blank_page(browser, viewport=WIDE) as page:
            page.clock.install()
            page.route_web_socket("**/_stcore/stream", connect)
            page.goto(studio_url)
            expect(page.get_by_role("button", name="Generate")).to_be_visible(timeout=SECONDS)
            begun(page, api)
            page.locator("[data-test-script-state=notRunning]").wait_for()
            is_lost, api.held = True, None
            page.clock.fast_forward(40_000)
            heading(page, "1 image ·")
        assert len(sockets) == 2
        assert sent(api) == 1

    def test_a_run_that_takes_long_does_not_load_the_page_again(
        self, browser: Browser, studio_url: str, api: FakeApi
    ) -> None:
        with blank_page(browser, viewport=WIDE) as page:
            page.clock.install()
            page.goto(studio_url)
            expect(page.get_by_role("button", name="Generate")).to_be_visible(timeout=SECONDS)
            begun(page, api)
            page.evaluate("window.loadedOnce = true")
            api.hangs = "/jobs/"
            api.awake.clear()
            asked = len(api.requests)
            eventually(lambda: len(api.requests) > asked)
            page.clock.fast_forward(40_000)
            api.held = None
            api.awake.set()
            heading(page, "1 image ·")
            assert page.evaluate("window.loadedOnce")

    def test_an_api_that_hangs_and_then_answers(self, page: Page, api: FakeApi) -> None:
        api.awake.clear()
        ask(page, "Nobody answers yet")
        expect(page.get_by_text("the API is slow to answer").first).to_be_visible(timeout=SECONDS)

        page.reload()
        api.awake.set()
        heading(page, "1 image ·")
        expect(page.get_by_label("Prompt", exact=True)).to_have_value("Nobody answers yet")
        assert len(api.jobs) == 1

    def test_a_page_opened_while_the_api_hangs_says_so(self, browser: Browser, studio_url: str, api: FakeApi) -> None:
        api.awake.clear()
        with visit(browser, studio_url) as page:
            heading(page, "The API does not answer in time")
            api.awake.set()
            page.get_by_role("button", name="Try again").click()
            expect(page.get_by_role("button", name="Generate 1 image · at most $0.04")).to_be_visible(timeout=SECONDS)

    def test_an_api_that_is_down(self, browser: Browser, studio_url: str, folder: Path) -> None:
        (folder / "env").write_text(f"API_URL={net.url(net.free_port())}\nAPI_KEY={KEY}\n")
        with visit(browser, studio_url) as page:
            heading(page, "The API cannot be reached")
            ask(page, "Nobody answers")
            heading(page, "Making 1 image")
            heading(page, "The API cannot be reached")
            expect(page.get_by_role("button", name="Try again")).to_be_visible(timeout=SECONDS)

    def test_an_api_that_dies_and_comes_back(self, page: Page, api: FakeApi, folder: Path) -> None:
        begun(page, api)
        api.dead = True
        expect(page.get_by_text("the API is slow to answer").first).to_be_visible(timeout=SECONDS)
        heading(page, "The API went away while the images were being made")

        api.dead, api.held = False, None
        page.get_by_role("button", name="Look again").click()
        heading(page, "1 image ·")
        assert sent(api) == 1
        assert "lighthouse" not in (folder / LOG).read_text()

    def test_a_key_that_is_revoked(self, page: Page, api: FakeApi) -> None:
        begun(page, api)
        api.key = "another"
        heading(page, "The API no longer accepts the studio's key")

        api.key, api.held = KEY, None
        page.get_by_role("button", name="Look again").click()
        heading(page, "1 image ·")

    def test_two_tabs_on_one_job(self, page: Page, api: FakeApi) -> None:
        api.held = "queued"
        ask(page, "A lighthouse")
        page.wait_for_url("**/?job=*")
        heading(page, "Making 1 image")
        second = page.context.new_page()
        second.goto(page.url)
        heading(second, "Making 1 image")
        expect(second.get_by_label("Prompt", exact=True)).to_have_value("A lighthouse")
        second.get_by_role("button", name="Stop").click()

        for tab in (page, second):
            expect(tab.get_by_text("nothing was").first).to_be_visible(timeout=SECONDS)
        assert sent(api) == 1

    def test_a_studio_that_restarts_under_an_open_page(self, browser: Browser, api: FakeApi, folder: Path) -> None:
        port, variables = net.free_port(), {"ENV_FILE": str(folder / "env")}
        with ExitStack() as first, ExitStack() as rest:
            url = first.enter_context(studio(folder, variables, port=port, end=signal.SIGKILL))
            page = rest.enter_context(visit(browser, url))
            begun(page, api)
            redrawn(page)
            redrawn(page)
            first.close()
            api.held = None

            rest.enter_context(studio(folder, variables, port=port))
            heading(page, "1 image ·")
            expect(page.get_by_text("The prompt of these images is not known here")).to_be_visible()
            page.close()
        assert sent(api) == 1
