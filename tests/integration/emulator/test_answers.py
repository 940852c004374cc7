"""Answers to valid calls."""

import json
from typing import Any

import pytest

from tests.integration.emulator.front_door import (
    CANVAS,
    CORE,
    EVERY_MODEL,
    SD3_5,
    STABILITY,
    TITAN,
    ULTRA,
    Emulator,
    decoded,
    opened,
    smallest,
)

TITAN_SIZES = [
    *((1024, 1024), (768, 768), (512, 512), (768, 1152), (384, 576), (1152, 768), (576, 384), (768, 1280)),
    *((384, 640), (1280, 768), (640, 384), (896, 1152), (448, 576), (1152, 896), (576, 448), (768, 1408)),
    *((384, 704), (1408, 768), (704, 384), (640, 1408), (320, 704), (1408, 640), (704, 320), (1152, 640)),
    (1173, 640),
]
RATIOS = ["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"]


def _ratio(ratio: str) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)


def test_titan_answers_with_images_and_no_error(emulator: Emulator) -> None:
    answer = emulator.invoke(TITAN, smallest(TITAN, numberOfImages=3))
    assert answer.keys() == {"images", "error"}
    assert answer["error"] is None
    assert len(set(answer["images"])) == 3


def test_canvas_leaves_the_error_out(emulator: Emulator) -> None:
    answer = emulator.invoke(CANVAS, smallest(CANVAS, numberOfImages=2))
    assert answer.keys() == {"images"}
    assert len(set(answer["images"])) == 2


@pytest.mark.parametrize("model", STABILITY)
def test_stability_returns_the_seed_it_used(emulator: Emulator, model: str) -> None:
    emulator.configure(native_size=[64, 64])
    answer = emulator.invoke(model, {"prompt": "a cat", "seed": 7})
    assert answer.keys() == {"seeds", "finish_reasons", "images"}
    assert (answer["seeds"], answer["finish_reasons"], len(answer["images"])) == ([7], [None], 1)


@pytest.mark.parametrize("body", [{"prompt": "a cat"}, {"prompt": "a cat", "seed": 0}])
def test_seed_0_and_no_seed_are_random_on_stability(emulator: Emulator, body: dict[str, object]) -> None:
    emulator.configure(native_size=[64, 64], rng_seed=1)
    seeds = [emulator.invoke(CORE, body)["seeds"][0] for _ in range(3)]
    assert len({0, *seeds}) == 4
    emulator.configure(native_size=[64, 64], rng_seed=1)
    assert [emulator.invoke(CORE, body)["seeds"][0] for _ in range(3)] == seeds


@pytest.mark.parametrize(("model", "seed"), [(TITAN, 42), (CANVAS, 12)])
def test_without_a_seed_the_models_default_is_used(emulator: Emulator, model: str, seed: int) -> None:
    default = emulator.invoke(model, smallest(model))
    explicit, other = (emulator.invoke(model, smallest(model, seed=chosen)) for chosen in (seed, seed + 1))
    assert default["images"] == explicit["images"] != other["images"]
    assert [call["seed"] for call in emulator.calls()] == [seed, seed, seed + 1]


@pytest.mark.parametrize("size", TITAN_SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_titan_makes_every_size_of_its_table(emulator: Emulator, size: tuple[int, int]) -> None:
    answer = emulator.invoke(TITAN, smallest(TITAN, width=size[0], height=size[1]))
    assert opened(answer["images"][0]).size == size


@pytest.mark.parametrize("size", [(320, 320), (320, 1280), (1280, 320), (1024, 1024), (2032, 1024)])
def test_canvas_makes_the_requested_size(emulator: Emulator, size: tuple[int, int]) -> None:
    answer = emulator.invoke(CANVAS, smallest(CANVAS, width=size[0], height=size[1]))
    assert opened(answer["images"][0]).size == size


@pytest.mark.parametrize("model", [TITAN, CANVAS])
def test_without_a_size_a_square_of_1024_is_made(emulator: Emulator, model: str) -> None:
    answer = emulator.invoke(model, {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}})
    assert opened(answer["images"][0]).size == (1024, 1024)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(("model", "megapixels"), [(CORE, 1.5), (ULTRA, 1.0)])
def test_a_ratio_yields_about_the_models_pixels(emulator: Emulator, model: str, megapixels: float, ratio: str) -> None:
    width, height = opened(emulator.invoke(model, {"prompt": "a cat", "aspect_ratio": ratio})["images"][0]).size
    assert width % 64 == height % 64 == 0
    assert 640 <= min(width, height) <= max(width, height) <= 1536
    assert width / height == pytest.approx(_ratio(ratio), rel=0.04)
    # A side of at most 1536 leaves 21:9 on Core no more than one megapixel.
    expected = 1.0 if "21" in ratio else megapixels
    assert width * height / 1e6 == pytest.approx(expected, rel=0.11)


@pytest.mark.parametrize(("model", "size"), [(CORE, (1216, 1216)), (ULTRA, (1024, 1024)), (SD3_5, (1024, 1024))])
def test_the_usual_ratio_is_square(emulator: Emulator, model: str, size: tuple[int, int]) -> None:
    assert opened(emulator.invoke(model, {"prompt": "a cat"})["images"][0]).size == size


@pytest.mark.parametrize("native", [[640, 600], [64, 64], [1, 1], [333, 1000]])
def test_native_size_replaces_the_size_of_ratio_models(emulator: Emulator, native: list[int]) -> None:
    assert emulator.configure(native_size=native).json()["native_size"] == native
    stability = emulator.invoke(CORE, {"prompt": "a cat", "aspect_ratio": "16:9"})
    titan = emulator.invoke(TITAN, smallest(TITAN))
    assert list(opened(stability["images"][0]).size) == native
    assert opened(titan["images"][0]).size == (512, 512)


@pytest.mark.parametrize(
    ("model", "asked", "made"),
    [
        *((model, {}, "PNG") for model in STABILITY),
        *((model, {"output_format": "png"}, "PNG") for model in STABILITY),
        *((model, {"output_format": "jpeg"}, "JPEG") for model in STABILITY),
        (SD3_5, {"output_format": "webp"}, "WEBP"),
    ],
)
def test_the_output_format_is_honoured(emulator: Emulator, model: str, asked: dict[str, str], made: str) -> None:
    emulator.configure(native_size=[128, 128])
    assert opened(emulator.invoke(model, {"prompt": "a cat", **asked})["images"][0]).format == made


@pytest.mark.parametrize("model", EVERY_MODEL)
@pytest.mark.parametrize(
    "prompt",
    [
        "猫が夕日を見ている",
        "кошка на море",
        "قطة على الجبل",
        "🐈‍⬛🌅",
        "a\nb\tc",
        "\ud800 lone surrogate",
        "e\u0301" * 100,
    ],
)
def test_any_script_is_a_prompt(emulator: Emulator, model: str, prompt: str) -> None:
    emulator.configure(native_size=[96, 96])
    answer = emulator.invoke(model, smallest(model, prompt))
    assert opened(answer["images"][0]).format == "PNG"


LONGEST = [(TITAN, 512), (CANVAS, 1024), *((model, 10_000) for model in STABILITY)]


@pytest.mark.parametrize(("model", "length"), LONGEST)
def test_the_longest_prompt_counts_code_points(emulator: Emulator, model: str, length: int) -> None:
    emulator.configure(native_size=[64, 64])
    assert len(emulator.invoke(model, smallest(model, "🌅" * length))["images"]) == 1


@pytest.mark.parametrize("model", STABILITY)
def test_an_empty_prompt_is_documented_on_stability(emulator: Emulator, model: str) -> None:
    emulator.configure(native_size=[64, 64])
    assert len(emulator.invoke(model, {"prompt": ""})["images"]) == 1


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        *((TITAN, {"numberOfImages": n}) for n in (1, 5)),
        *((TITAN, {"cfgScale": scale}) for scale in (1.1, 10, 10.0)),
        *((TITAN, {"seed": seed}) for seed in (0, 2_147_483_646)),
        *((CANVAS, {"quality": quality}) for quality in ("standard", "premium")),
        *((model, {"seed": 4_294_967_295}) for model in (CORE, ULTRA)),
        (SD3_5, {"seed": 4_294_967_294}),
        *((model, {"mode": "text-to-image", "negative_prompt": "dogs"}) for model in STABILITY),
    ],
)
def test_the_ends_of_a_range_are_valid(emulator: Emulator, model: str, settings: dict[str, Any]) -> None:
    emulator.configure(native_size=[64, 64])
    answer = emulator.invoke(model, smallest(model, **settings))
    assert len(answer["images"]) == settings.get("numberOfImages", 1)


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_media_types_may_be_spelled_out(emulator: Emulator, accept: str) -> None:
    emulator.configure(native_size=[64, 64])
    client = emulator.client("us-west-2")
    answer = client.invoke_model(
        modelId=CORE, body=json.dumps({"prompt": "a cat"}), contentType="application/json", accept=accept
    )
    assert answer["contentType"] == "application/json"
    assert decoded(json.loads(answer["body"].read())["images"][0])
