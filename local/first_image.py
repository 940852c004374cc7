"""Sends the documented request to the running stack."""

import time
from pathlib import Path
from typing import Any

import httpx

from local.console import say, step
from local.errors import StackError
from local.places import Places

REQUEST = {
    "text": "A beautiful sunset over the ocean",
    "width": 1024,
    "height": 1024,
    "number_of_images": 1,
    "cfg_scale": 8,
    "seed": 42,
    "quality": "standard",
}
SECONDS_TO_ARRIVE = 10


def generate(description: dict[str, Any], places: Places, *, emulated: bool) -> None:
    with step(f"Generating “{REQUEST['text']}”"):
        generation = _ask(description)
        file = places.images / f"{generation['details'][0]['id']}.png"
        _wait_for(file)
    say(f"""
The first image
    file  {file}
    link  {generation["details"][0]["link"]}  (needs the key)
    cost  {"nothing: the emulator drew it" if emulated else f"${generation['cost_usd']:.2f}"}""")


def _ask(description: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(
        f"{description['api_url']}/generate",
        headers={"x-api-key": description["api_key"]},
        json=REQUEST,
        timeout=60,
        trust_env=False,
    )
    if not answer.is_success:
        raise StackError(f"The first image could not be generated: {answer.status_code} {answer.text}")
    generation: dict[str, Any] = answer.json()
    return generation


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_ARRIVE
    while not file.exists():
        if time.monotonic() > deadline:
            raise StackError(f"The image was generated, but did not arrive at {file}.")
        time.sleep(0.1)
