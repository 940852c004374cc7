"""A foreign web page, open in a real browser on this machine, attacks the laptop stack. docs/security.md lists these
tests."""

import json
import sys
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from local import ministack
from tests.e2e.browsing import blank_page, browser, studio
from tests.integration.laptop.test_guard import create_queue, forged_link

__all__ = ["browser"]

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # playwright's own pipes


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of another site than 127.0.0.1."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        with blank_page(browser) as page:
            page.goto(f"http://localhost:{server.server_port}")
            yield page
        server.shutdown()
        thread.join()


def image(page: Page, address: str) -> None:
    page.evaluate(
        "at => new Promise(end => { const i = new Image(); i.onload = i.onerror = end; i.src = at })", address
    )


def post(page: Page, address: str, body: str) -> None:
    page.evaluate("([at, body]) => fetch(at, {method: 'POST', mode: 'no-cors', body})", [address, body])


def opened(page: Page, address: str) -> bool:
    script = """at => new Promise(end => {
        const socket = new WebSocket(at)
        socket.onopen = () => end(true)
        socket.onerror = () => end(false)
    })"""
    return bool(page.evaluate(script, address))


def test_neither_an_image_nor_a_link_changes_anything_in_ministack(page: Page, ministack_url: str) -> None:
    names = [f"q{uuid.uuid4()}" for _ in range(2)]

    image(page, forged_link(ministack_url, names[0]))
    # Playwright opens an address as if it were typed, or a link in a mail.
    answer = page.goto(forged_link(ministack_url, names[1]))

    sqs: Any = ministack.client("sqs", ministack_url)
    assert answer
    assert answer.status == 403
    assert not any(sqs.list_queues(QueueNamePrefix=name).get("QueueUrls") for name in names)
    assert create_queue(ministack_url, names[0], {}).status_code == 200, "the attack works without a page's headers"


def test_a_page_cannot_configure_the_emulator(page: Page, emulator_url: str) -> None:
    post(page, f"{emulator_url}/_control", json.dumps({"latency_ms": 1}))
    assert httpx.get(f"{emulator_url}/_control", trust_env=False).json()["latency_ms"] == 0


def test_a_page_cannot_open_the_studios_socket(page: Page, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "local.guarded_studio", "run", "studio/app.py")
    with studio(tmp_path, {"API_URL": "http://127.0.0.1:9", "API_KEY": "none"}, command) as url:
        socket = url.replace("http", "ws") + "/_stcore/stream"

        assert not opened(page, socket)
        page.goto(url)
        assert opened(page, socket), "the studio's own page can"
