"""Up and down: safe to run twice, and nothing stays behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.e2e.laptop import Stack, command, left_running, start

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # playwright's own pipes

KEYS = {
    *("api_url", "api_key", "bucket", "table", "queue_url", "dead_letter_queue_url"),
    *("aws_endpoint_url", "aws_access_key_id", "aws_secret_access_key"),
    *("bedrock_url", "region", "stack_name", "functions", "studio_url"),
}


def test_the_description_has_the_promised_keys(stack: Stack) -> None:
    assert stack.description.keys() == KEYS
    assert stack.description["functions"].keys() >= {"ApiFunction", "AuthorizerFunction"}
    assert stack.description["region"] == "us-east-1"


def test_up_while_up_changes_nothing(stack: Stack) -> None:
    ended = command(stack.folder, "up")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "up already" in ended.stdout
    assert Stack(stack.folder).description == stack.description


@pytest.fixture
def with_other_parameters(stack: Stack) -> Iterator[Stack]:
    origins = f"https://pages.example,{stack.description['bedrock_url']}"
    changed = f"LinkMinutes=5 CorsOrigins={origins} MonthlyBudgetUsd=1000 MonthlyBudgetPerKeyUsd=0.05"
    yield start(stack.folder, "--parameters", changed)
    start(stack.folder)


def test_up_with_other_parameters_deploys_onto_the_running_stack(
    stack: Stack, with_other_parameters: Stack, browser: Browser
) -> None:
    changed = with_other_parameters.description
    assert (changed["api_url"], changed["bucket"]) == (stack.description["api_url"], stack.description["bucket"])

    # The first key has spent what other tests asked for.
    one, another = (command(stack.folder, "key", name).stdout.strip() for name in ("one", "another"))
    answer = generated(changed, one, text="a short link")
    assert httpx.URL(answer.json()["images"][0]).params["X-Amz-Expires"] == "300"
    assert generated(changed, "unknown").json()["code"] == "unauthorized"

    statuses = [generated(changed, another, text=f"image {number}").status_code for number in range(7)]
    assert statuses == [200] * 6 + [402]
    usage = httpx.get(f"{changed['api_url']}/usage", headers={"x-api-key": another}, trust_env=False).json()
    assert (usage["spent_usd"], usage["reserved_usd"], usage["cap_usd"], usage["images"]) == (0.048, 0.0, 0.05, 6)

    # The emulator shows something at an address of its own, which makes it a page of another origin.
    page = f"{changed['bedrock_url']}/_control/calls"
    assert fetched(browser, page, changed["api_url"], one) == {
        "image": "image/png,image/png",
        "refused": 400,
        "keyless": 401,
        "lost": 404,
    }
    assert set(fetched(browser, page.replace("127.0.0.1", "localhost"), changed["api_url"], one).values()) == {
        "TypeError"
    }


def generated(description: dict[str, Any], key: str, **asked: str) -> httpx.Response:
    return httpx.post(
        f"{description['api_url']}/generate",
        headers={"x-api-key": key},
        json={"width": 512, "height": 512, "model": "titan", **asked},
        timeout=60,
        trust_env=False,
    )


def test_a_failed_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    ended = command(tmp_path, "up", "--studio", "--parameters", "RateLimit=plenty")

    assert ended.returncode == 1
    assert "`sam deploy` failed" in ended.stderr
    assert "RateLimit" in ended.stderr
    assert left_running(tmp_path) == []
    assert not (tmp_path / "stack.json").exists()


def test_down_while_down_is_no_error(tmp_path: Path) -> None:
    for _ in range(2):
        ended = command(tmp_path, "down")
        assert (ended.returncode, ended.stdout) == (0, "The stack is not up.\n")


ASK = """
async ({url, key}) => {
    const json = {'content-type': 'application/json', 'x-stainless-lang': 'js'};
    const generate = (headers, body) => fetch(`${url}/generate`, {method: 'POST', headers, body: JSON.stringify(body)});
    const keyed = {...json, authorization: `Bearer ${key}`};
    const told = async (ask) => { try { return await ask(); } catch (error) { return error.name; } };
    return {
        image: await told(async () => {
            const answer = await generate(keyed, {text: 'on a page', width: 512, height: 512});
            if (!answer.headers.get('x-request-id')) return 'no request id';
            const {images, details} = await answer.json();
            const lasting = await fetch(details[0].link, {headers: keyed});
            return [(await (await fetch(images[0])).blob()).type, (await lasting.blob()).type].join();
        }),
        refused: await told(async () => (await generate(keyed, {})).status),
        keyless: await told(async () => (await generate(json, {})).status),
        lost: await told(async () => (await fetch(`${url}/nothing`, {headers: keyed})).status),
    };
}
"""


def fetched(browser: Browser, address: str, api_url: str, key: str) -> dict[str, Any]:
    """What a script on the page at this address gets to see of the API."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        seen: dict[str, Any] = page.evaluate(ASK, {"url": api_url, "key": key})
        return seen
