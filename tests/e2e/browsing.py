"""A real browser, and a studio to look at with it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from local import net
from tests.e2e import addresses
from tests.e2e.laptop import PROJECT, eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SECONDS = 60_000.0
LOG = "studio-of-the-tests.log"
STUDIO = (sys.executable, "-m", "streamlit", "run", "studio/app.py")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    expect.set_options(timeout=SECONDS)  # what is expected comes, however busy the machine is
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextmanager
def studio(
    folder: Path,
    variables: dict[str, str],
    command: Sequence[str] = STUDIO,
    port: int | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[str]:
    """Run another studio with this environment. Close its pages first, or end it by SIGKILL: on SIGTERM, Streamlit's
    server waits for open connections, sometimes for ever."""
    port = port or net.free_port()
    ours = ("API_", "ENV_FILE", "STUDIO_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            cwd=PROJECT,
            env=inherited | {"STREAMLIT_SERVER_PORT": str(port)} | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: answers(f"{net.url(port)}/_stcore/health"))
        yield net.url(port)
    finally:
        process.send_signal(end)
        assert process.wait(20) is not None


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def blank_page(browser: Browser, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - Playwright's
    """Open an empty page. Containers wait until it is closed."""
    with addresses.kept(), browser.new_context(**options) as context:
        yield context.new_page()


@contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - Playwright's
    with blank_page(browser, accept_downloads=True, **options) as page:
        page.set_default_timeout(SECONDS)
        page.goto(url)
        expect(page.get_by_role("button", name="Generate")).to_be_visible(timeout=SECONDS)
        yield page


def ask(page: Page, prompt: str, images: int = 1) -> None:
    if images > 1:
        page.get_by_role("radio", name=str(images), exact=True).click()
        expect(page.get_by_role("button", name=f"Generate {images} images")).to_be_visible(timeout=SECONDS)
    page.get_by_label("Prompt", exact=True).fill(prompt)
    expect(page.locator(".st-key-generate button")).to_be_enabled(timeout=SECONDS)
    page.keyboard.press("Control+Enter")
