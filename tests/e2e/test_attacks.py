"""What an outsider and a foreign web page would try on a running stack. docs/security.md lists these tests."""

import json
import re
import socket
import uuid
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import SECONDS, ask, studio, visit
from tests.e2e.laptop import Emulator, Stack

FOX = {"text": "a fox"}
PAGES = {
    "another site": {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
    "another port": {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    "DNS rebinding": {"Host": "evil.example", "Origin": "http://evil.example"},
}


@pytest.fixture
def public_key(stack: Stack) -> str:
    key: str = stack.client("apigateway").get_api_key(apiKey=stack.resource("PublicKey"), includeValue=True)["value"]
    return key


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "\xa0Bearer unknown"},
        {"Authorization": "Bearer unknown", "x-api-key": "{public}"},
        {"Authorization": "Bearer {public}", "x-api-key": "unknown"},
        {"Authorization": "Bearer {public}"},
        {"x-api-key": "{public}"},
        {"x-api-key": "{key}, unknown"},
        {"x-api-key": "{key}", "Authorization": "\xa0Bearer unknown"},
        {"X-Api-Key-Id": "{key}"},
        {"Authorization": "Bearer"},
        {"Sec-Laptop-Front": "1"},
    ],
    ids=ascii,
)
def test_no_trick_with_headers_stands_for_a_key(
    anonymous: httpx.Client, stack: Stack, emulator: Emulator, public_key: str, headers: dict[str, str]
) -> None:
    named = [
        (name.encode(), value.format(key=stack.description["api_key"], public=public_key).encode("latin-1"))
        for name, value in headers.items()
    ]

    answer = anonymous.post("/generate", json=FOX, headers=named)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert emulator.calls() == []


@pytest.mark.parametrize(
    "path", ["/%67enerate", "/health/../generate", "/health%2f..%2fgenerate", "//generate", "/docs/../usage"]
)
def test_no_spelling_of_a_path_needs_no_key(stack: Stack, emulator: Emulator, path: str) -> None:
    address = urlsplit(stack.description["api_url"])
    raw = json.dumps(FOX).encode()
    head = (
        f"POST /api{path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n\r\n"
    )

    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + raw)
        status = connection.makefile("rb").readline().split()[1]

    assert status in {b"401", b"404"}
    assert emulator.calls() == []


def test_links_do_not_follow_the_host_header(api: httpx.Client, stack: Stack) -> None:
    answer = api.post("/generate", json=FOX, headers={"Host": "evil.localhost", "X-Forwarded-Host": "evil.example"})
    assert answer.json()["details"][0]["link"].startswith(f"{stack.description['api_url']}/images/")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("service", ["api_url", "aws_endpoint_url", "bedrock_url"])
def test_a_foreign_page_reaches_no_service(stack: Stack, emulator: Emulator, service: str, page: str) -> None:
    address = stack.description[service]
    for method, path in (("POST", "/_control"), ("POST", "/generate"), ("GET", "/health"), ("POST", "/")):
        answer = httpx.request(method, address + path, headers=PAGES[page], content=b"{}", trust_env=False)
        assert (answer.status_code, "refuses this request" in answer.text) == (403, True)
        assert "access-control-allow-origin" not in answer.headers
    assert emulator.calls() == []


def test_an_image_opens_from_a_mail_and_in_a_page_but_its_bucket_does_not(api: httpx.Client, stack: Stack) -> None:
    link = api.post("/generate", json=FOX).json()["images"][0]
    mail = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    page = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}

    for headers in (mail, page):
        assert httpx.get(link, headers=headers, trust_env=False).content.startswith(b"\x89PNG")
        assert httpx.delete(link, headers=headers, trust_env=False).status_code == 403
    bucket = f"{stack.description['aws_endpoint_url']}/{stack.description['bucket']}?{urlsplit(link).query}"
    assert httpx.get(bucket, headers=mail, trust_env=False).status_code == 403


def test_only_the_owner_reads_the_files_with_keys(stack: Stack) -> None:
    for name in ("stack.json", "front.json", "keys.json", "env"):
        assert stack.folder.joinpath(name).stat().st_mode & 0o777 == 0o600, name


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # playwright's own pipes
@pytest.mark.usefixtures("emulator")
def test_html_in_a_prompt_is_text_in_the_studio(browser: Browser, stack: Stack) -> None:
    html = f'<img src=x onerror="window.hacked=1"> <script>window.hacked=1</script> {uuid.uuid4()}'
    with studio(stack.folder, {"ENV_FILE": str(stack.folder / "env")}) as url, visit(browser, url) as page:
        ask(page, html)
        caption = page.locator(".st-key-outcome").get_by_text("Image 1 of 1 · seed")
        expect(caption).to_be_visible(timeout=SECONDS)
        seed = caption.inner_text().split(" · ")[1]
        page.get_by_role("button", name=re.compile(rf"^Open the image .*{seed}$")).click(timeout=SECONDS)
        expect(page.get_by_role("dialog", name="Image")).to_contain_text(html, timeout=SECONDS)

        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src=x]").count() == 0
