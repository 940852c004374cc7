"""OpenAI's unmodified package 3, and all that its types offer."""

from typing import Any

import pytest

from tests.clients.programs import PROGRAMS, Program, pictures
from tests.e2e.laptop import Emulator, Stack

RUNTIME = PROGRAMS[1].runtime
PROGRAM = Program("openai 3", RUNTIME, PROGRAMS[1].source.with_name("openai_of_today.py"))
CORE = "stability.stable-image-core-v1:1"


@pytest.fixture(scope="module")
def outcomes(stack: Stack) -> dict[str, Any]:
    Emulator(stack.description["bedrock_url"]).configure()
    return PROGRAM.run(stack)


@pytest.mark.parametrize(
    ("thing", "number", "size", "told"),
    [
        ("long", 1, (1024, 1024), ["model_fell_through"]),
        ("five", 5, (512, 512), []),
        ("max_quality", 1, (1024, 1024), []),
        ("exact", 1, (1536, 1024), []),
        ("scaled", 1, (1216, 1216), ["size_scaled"]),
        ("base64_by_name", 1, (1024, 1024), []),
        ("link_by_name", 1, (1024, 1024), []),
    ],
)
def test_what_is_asked_for_comes(
    outcomes: dict[str, Any], thing: str, number: int, size: tuple[int, int], told: list[str]
) -> None:
    assert [picture.size for picture in pictures(outcomes[thing])] == [size] * number
    first = outcomes[thing]["images"][0]
    assert (first["size"], first["warnings"]) == ("{}x{}".format(*size), told)


@pytest.mark.parametrize(("thing", "form"), [("webp", "WEBP"), ("jpeg", "JPEG")])
def test_another_format_comes_as_it_is_asked_for(outcomes: dict[str, Any], thing: str, form: str) -> None:
    assert [(picture.format, picture.size) for picture in pictures(outcomes[thing])] == [(form, (1024, 1024))]
    assert outcomes[thing]["images"][0]["format"] == thing


def test_a_long_prompt_is_made_by_a_model_that_takes_it(outcomes: dict[str, Any]) -> None:
    assert outcomes["long"]["images"][0]["model"] == CORE


@pytest.mark.parametrize(("thing", "is_base64"), [("base64_by_name", True), ("link_by_name", False)])
def test_base64_follows_the_name(outcomes: dict[str, Any], thing: str, is_base64: bool) -> None:
    (image,) = outcomes[thing]["images"]
    assert (image["b64_json"] is not None, image["url"] is None) == (is_base64, is_base64)


def test_a_stream_is_parsed_into_the_packages_own_events(outcomes: dict[str, Any]) -> None:
    events = outcomes["stream"]["images"]
    assert [(event["class"], event["type"], event["usage"]) for event in events] == [
        ("ImageGenCompletedEvent", "image_generation.completed", 0)
    ] * 2
    assert [picture.size for picture in pictures(outcomes["stream"])] == [(512, 512)] * 2


def test_a_model_is_looked_up(outcomes: dict[str, Any]) -> None:
    assert outcomes["model"]["images"][0]["id"] == CORE


@pytest.mark.parametrize(
    ("thing", "status", "code", "said"),
    [
        ("too_long", 400, "invalid_request", "10000"),
        ("too_long_for_the_model", 400, "invalid_request", "512"),
        ("eleven", 400, "invalid_request", "10"),
        ("wrong_quality", 400, "invalid_request", "xhigh"),
        ("wrong_size", 400, "invalid_request", "multiples of 16"),
        ("wrong_format", 400, "invalid_request", "webp"),
        ("wrong_stream", 400, "invalid_request", "partial_images"),
        ("wrong_response", 400, "invalid_request", "b64_json"),
        ("transparent", 400, "invalid_request", "transparent"),
        ("unknown_model", 404, "model_not_found", "/v1/models"),
        ("no_model", 404, "model_not_found", "/v1/models"),
        ("edit", 404, "not_found", "cannot be edited"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    outcomes: dict[str, Any], thing: str, status: int, code: str, said: str
) -> None:
    outcome = outcomes[thing]
    assert (outcome.get("status"), outcome.get("code")) == (status, code), outcome
    assert said in outcome["message"]
