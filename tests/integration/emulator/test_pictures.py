"""Equal requests give equal bytes, different requests different ones; every picture is marked as a preview."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.emulator.testing import running_emulator
from tests.integration.emulator.front_door import (
    CANVAS,
    CORE,
    EVERY_MODEL,
    SD3_5,
    TITAN,
    ULTRA,
    Emulator,
    decoded,
    opened,
    smallest,
)

PLACES = [
    "mountains at dawn",
    "a sailing boat on the sea at sunset",
    "a misty forest",
    "a city at night in the rain",
    "desert dunes",
    "a meadow with a house",
    "a purple meadow",
    "a lighthouse at dusk",
    "snow on a lake",
    "hot air balloons and birds",
    "a cat",
]


@contextmanager
def _own_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], Emulator]]:
    command = [sys.executable, "-m", "local.emulator", "--port", "0", *options]
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 - our own
        try:
            assert process.stdout
            listening = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert listening
            emulator = Emulator(listening[0])
            with emulator.http:
                yield process, emulator
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_another_process_draws_the_same_picture_and_stops_at_a_signal(emulator: Emulator, stop: signal.Signals) -> None:
    body = smallest(TITAN, "a cat in a meadow, with birds")
    with _own_process() as (process, other):
        assert other.invoke(TITAN, body) == emulator.invoke(TITAN, body)
        process.send_signal(stop)
        assert process.wait(30) == 0


def test_a_profile_is_a_command_line_option() -> None:
    arn = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/xyz"
    with _own_process("--profile", f"{arn}={ULTRA}") as (_, other):
        other.configure(native_size=[64, 64])
        assert len(other.invoke(arn, {"prompt": "x"})["images"]) == 1


@pytest.mark.parametrize("options", [[], ["--port", "x"], ["--port", "0", "--profile", "arn:x=nonsense"]])
def test_wrong_options_are_refused(options: list[str]) -> None:
    command = [sys.executable, "-m", "local.emulator", *options]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2  # noqa: S603 - our own


def test_a_port_in_use_is_reported() -> None:
    with running_emulator() as url:
        command = [sys.executable, "-m", "local.emulator", "--port", url.rsplit(":", 1)[1]]
        outcome = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603 - our own
    assert outcome.returncode == 1
    assert "could not start" in outcome.stderr


@pytest.mark.parametrize("model", [TITAN, CANVAS])
def test_different_bodies_give_different_pictures(emulator: Emulator, model: str) -> None:
    base = smallest(model)
    variants = [
        base,
        smallest(model, "a cat."),
        *(smallest(model, **setting) for setting in ({"seed": 1}, {"cfgScale": 3}, {"quality": "premium"})),
        base | {"textToImageParams": {"text": "a cat", "negativeText": "dogs"}},
        smallest(model, width=384, height=576),
    ]
    pictures = [emulator.invoke(model, body)["images"][0] for body in variants]
    assert len(set(pictures)) == len(variants)


def test_different_stability_bodies_give_different_pictures(emulator: Emulator) -> None:
    emulator.configure(native_size=[64, 64])
    base = {"prompt": "a cat", "seed": 1}
    variants = [base, base | {"seed": 2}, base | {"prompt": "cats"}, base | {"negative_prompt": "dogs"}]
    answers = [emulator.invoke(model, body) for model in (CORE, ULTRA, SD3_5) for body in variants]
    assert len({answer["images"][0] for answer in answers}) == len(answers)


@pytest.mark.parametrize("prompt", PLACES)
@pytest.mark.parametrize("size", [(512, 512), (1408, 640), (320, 704)])
def test_every_scene_fills_every_shape(emulator: Emulator, prompt: str, size: tuple[int, int]) -> None:
    picture = opened(emulator.invoke(TITAN, smallest(TITAN, prompt, width=size[0], height=size[1]))["images"][0])
    assert (picture.mode, picture.size) == ("RGB", size)
    assert len(picture.reduce(8).getcolors(1 << 16) or []) > 100


def test_every_scene_is_different(emulator: Emulator) -> None:
    pictures = [opened(emulator.invoke(TITAN, smallest(TITAN, prompt))["images"][0]) for prompt in PLACES]
    assert len({picture.resize((1, 1)).tobytes() for picture in pictures}) == len(PLACES)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_a_picture_is_marked_as_a_preview_in_its_file(emulator: Emulator, model: str) -> None:
    emulator.configure(native_size=[512, 512])
    picture = emulator.invoke(model, smallest(model))["images"][0]
    assert opened(picture).info["Comment"] == f"local preview, not made by {model}"
    assert b"a cat" not in decoded(picture)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_a_picture_has_the_file_size_of_a_real_one(emulator: Emulator, model: str) -> None:
    body = smallest(
        model, "a forest in the snow", **({"width": 1024, "height": 1024} if model in {TITAN, CANVAS} else {})
    )
    assert 300_000 < len(decoded(emulator.invoke(model, body)["images"][0])) < 2_500_000
