"""With the template's default limits no caller exhausts the limits of another."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from checks.template import declared
from tests.e2e.laptop import Stack, command, start

DEFAULTS = declared("default")
LIMITS = {
    **{name: DEFAULTS[name] for name in ("StageRateLimit", "StageBurstLimit", "PublicRateLimit", "PublicBurstLimit")},
    # Low enough for a busy machine to reach; the stage's limits stay far above them.
    "RateLimit": "1",
    "BurstLimit": "8",
}


@pytest.fixture(scope="module")
def limited(stack: Stack) -> Iterator[Stack]:
    yield start(stack.folder, "--parameters", " ".join(f"{name}={value}" for name, value in LIMITS.items()))
    start(stack.folder)


@pytest.fixture
def key(limited: Stack) -> str:
    """A key that no other test has used."""
    return command(limited.folder, "key", "in no hurry").stdout.strip()


def test_a_loop_without_a_key_does_not_shut_out_a_key(limited: Stack, key: str) -> None:
    hurried, usual = while_it_runs(
        lambda: statuses(limited, "/health", count=40, at_once=2), lambda: statuses(limited, "/usage", key=key, count=8)
    )
    assert hurried[429] > 0
    assert usual == {200: 8}


def test_a_key_at_its_own_limit_does_not_shut_out_another(limited: Stack, key: str) -> None:
    first = limited.description["api_key"]
    hurried, usual = while_it_runs(
        lambda: statuses(limited, "/usage", key=first, count=60, at_once=4),
        lambda: statuses(limited, "/usage", key=key, count=8, at_once=4),
    )
    assert hurried[429] > 0
    assert usual == {200: 8}


def test_the_stages_limits_are_far_above_a_keys() -> None:
    assert int(DEFAULTS["StageRateLimit"]) >= 10 * int(DEFAULTS["RateLimit"])
    assert int(DEFAULTS["StageBurstLimit"]) >= 10 * int(DEFAULTS["BurstLimit"])


def statuses(stack: Stack, path: str, *, count: int, at_once: int = 1, key: str | None = None) -> Counter[int]:
    headers = {"x-api-key": key} if key else {}
    client = httpx.Client(base_url=stack.description["api_url"], headers=headers, timeout=60, trust_env=False)
    with client, ThreadPoolExecutor(at_once) as threads:
        return Counter(threads.map(lambda _: client.get(path).status_code, range(count)))


def while_it_runs(
    loop: Callable[[], Counter[int]], usual: Callable[[], Counter[int]]
) -> tuple[Counter[int], Counter[int]]:
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(loop)
        answers = usual()
        return running.result(), answers
