"""GET /docs in a real browser: the page works under its own policy, which lets in nothing else."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from api.app import lambda_handler
from tests.e2e.browsing import blank_page, browser
from tests.fakes.lambda_runtime import FakeContext, http_event

__all__ = ["browser"]

pytestmark = [
    pytest.mark.usefixtures("aws"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # playwright's own pipes
]


class Site(BaseHTTPRequestHandler):
    """The page; at `/frame`, as if it were somebody else's, one that frames it; and an empty one for the icon that a
    browser looks for."""

    def do_GET(self) -> None:
        if self.path == "/docs":
            answer = lambda_handler(http_event("GET", self.path), FakeContext())
            self._send(answer["statusCode"], answer["multiValueHeaders"], answer["body"])
        else:
            framing = '<iframe src="/docs"></iframe>' if self.path == "/frame" else ""
            self._send(200, {"content-type": ["text/html"]}, framing)

    def _send(self, status: int, headers: dict[str, list[str]], text: str) -> None:
        self.send_response(status)
        for name, values in headers.items():
            for value in values:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with blank_page(browser) as page:
        yield page


def test_it_shows_every_route_and_breaks_no_rule_of_its_own(page: Page, site: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{site}/docs")

    expect(page.get_by_text("Make images from a text").first).to_be_visible()
    assert complaints == []


def test_a_script_that_gets_into_the_page_does_not_run(page: Page, site: str) -> None:
    page.goto(f"{site}/docs")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = true'}))")
    assert page.evaluate("window.ran") is None


def test_another_page_cannot_frame_it(page: Page, site: str) -> None:
    page.goto(f"{site}/frame")
    (_, framed) = page.frames
    assert "Make images from a text" not in framed.content()
