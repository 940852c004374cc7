"""A stack with other parameters than the laptop's defaults."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import blank_page
from tests.e2e.laptop import Stack, command, eventually, start
from tests.fakes.xray import running_daemon
from tests.permissions.world import ASYNC, changed

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # playwright's own pipes


@pytest.fixture(scope="module")
def with_other_parameters(stack: Stack) -> Iterator[Stack]:
    origins = f"https://pages.example,{stack.description['bedrock_url']}"
    changed = f"LinkMinutes=5 CorsOrigins={origins} MonthlyBudgetUsd=1000 MonthlyBudgetPerKeyUsd=0.05 Tracing=on"
    yield start(stack.folder, "--parameters", changed)
    start(stack.folder)


@pytest.fixture
def key(with_other_parameters: Stack) -> str:
    """A key without spend; other tests have spent with the first."""
    return command(with_other_parameters.folder, "key", "somebody's").stdout.strip()


def test_up_with_other_parameters_deploys_onto_the_running_stack(
    stack: Stack, with_other_parameters: Stack, key: str
) -> None:
    changed = with_other_parameters.description
    assert (changed["api_url"], changed["bucket"]) == (stack.description["api_url"], stack.description["bucket"])
    answer = generated(changed, key, text="a short link")
    assert httpx.URL(answer.json()["images"][0]).params["X-Amz-Expires"] == "300"
    assert generated(changed, "unknown").json()["code"] == "unauthorized"


def test_a_key_is_refused_at_its_own_cap(with_other_parameters: Stack, key: str) -> None:
    changed = with_other_parameters.description
    statuses = [generated(changed, key, text=f"image {number}").status_code for number in range(7)]
    assert statuses == [200] * 6 + [402]
    usage = httpx.get(f"{changed['api_url']}/usage", headers={"x-api-key": key}, trust_env=False).json()
    assert (usage["spent_usd"], usage["reserved_usd"], usage["cap_usd"], usage["images"]) == (0.048, 0.0, 0.05, 6)


def test_a_listed_page_may_call_and_another_may_not(with_other_parameters: Stack, key: str, browser: Browser) -> None:
    changed = with_other_parameters.description
    # The emulator's address is another origin, and its answers can serve as a page.
    page = f"{changed['bedrock_url']}/_control/calls"
    assert fetched(browser, page, changed["api_url"], key) == {
        "image": "image/png,image/png",
        "refused": 400,
        "keyless": 401,
        "lost": 404,
    }
    assert set(fetched(browser, page.replace("127.0.0.1", "localhost"), changed["api_url"], key).values()) == {
        "TypeError"
    }


def test_a_job_is_one_trace_from_the_request_to_the_worker(with_other_parameters: Stack, key: str) -> None:
    with running_daemon() as daemon, ExitStack() as left:
        for function in ("ApiFunction", "WorkerFunction"):
            there = {"AWS_XRAY_DAEMON_ADDRESS": daemon.address}
            left.enter_context(changed(with_other_parameters, function, there))
        accepted = generated(with_other_parameters.description, key, ASYNC, text="a traced job").json()
        worked = eventually(lambda: next((each for each in daemon.segments() if each["name"] == "## job"), None))
        (ordered,) = [each for each in daemon.segments() if each["name"] == "## lambda_handler"]

    assert (worked["trace_id"], worked["parent_id"]) == (ordered["trace_id"], ordered["id"])
    assert worked["annotations"] == {"generation_id": accepted["id"]}


def generated(
    description: dict[str, Any], key: str, headers: Mapping[str, str] = MappingProxyType({}), **asked: str
) -> httpx.Response:
    return httpx.post(
        f"{description['api_url']}/generate",
        headers={"x-api-key": key, **headers},
        json={"width": 512, "height": 512, "model": "titan", **asked},
        timeout=60,
        trust_env=False,
    )


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
    """Return what a script on a page at this address receives from the API."""
    with blank_page(browser) as page:
        page.goto(address)
        seen: dict[str, Any] = page.evaluate(ASK, {"url": api_url, "key": key})
        return seen
