"""Each image asked for: exact size, its own seed and place, and the truth about what was adjusted."""

import base64
import io
import math
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aws.bedrock import BedrockError
from imaging.models.catalog import MODELS, find
from imaging.models.sizing import Grid, NativeSize, Size, nearest, scaled_into
from tests.fakes.bedrock import FakeBedrock, base64_png
from tests.fakes.bucket import FakeBucket
from tests.unit.conftest import Send

FOX = {"text": "a fox"}
sides = st.integers(512, 1024)


def size(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("width", "height"), [(512, 512), (777, 1001), (1024, 512), (512, 1024), (1024, 1023)])
def test_the_picture_has_exactly_the_size_asked_for(
    send: Send, bucket: FakeBucket, model: str, width: int, height: int
) -> None:
    answer = send("POST", "/generate", FOX | {"model": model, "width": width, "height": height})

    (png,) = bucket.objects.values()
    (detail,) = answer.json["details"]
    assert size(png) == (detail["width"], detail["height"]) == (width, height)
    assert detail["bytes"] == len(png)
    assert answer.json["warnings"] == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    width=sides,
    height=sides,
    model=st.sampled_from(list(MODELS)),
    native=st.none() | st.tuples(st.integers(300, 1600), st.integers(300, 1600)),
)
def test_any_size_from_any_model_comes_out_exact(
    send: Send,
    bedrock: FakeBedrock,
    bucket: FakeBucket,
    width: int,
    height: int,
    model: str,
    native: tuple[int, int] | None,
) -> None:
    bucket.objects.clear()
    bedrock.ratio_size = native

    wanted = FOX | {"model": model, "width": width, "height": height}
    answer = send("POST", "/generate", wanted, cache_control="no-cache")

    (detail,) = answer.json["details"]
    (png,) = bucket.objects.values()
    assert size(png) == (detail["width"], detail["height"]) == (width, height)
    too_small = detail["native_width"] < width or detail["native_height"] < height
    assert [warning["code"] for warning in answer.json["warnings"]] == ["enlarged"] * too_small


@pytest.mark.parametrize("native", [(640, 600), (1536, 640), (64, 64), (1023, 1024)])
def test_a_size_that_nobody_planned_for_is_fitted_and_told(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket, native: tuple[int, int]
) -> None:
    bedrock.enqueue({"images": [base64_png(*native)], "seeds": [42], "finish_reasons": [None]})

    answer = send("POST", "/generate", FOX | {"model": "core"})

    (detail,) = answer.json["details"]
    assert size(next(iter(bucket.objects.values()))) == (1024, 1024)
    assert (detail["native_width"], detail["native_height"]) == native
    assert [warning["code"] for warning in answer.json["warnings"]] == ["enlarged"]


def test_a_native_match_is_not_encoded_again(send: Send, bedrock: FakeBedrock, bucket: FakeBucket) -> None:
    odd_but_valid = Image.effect_noise((1024, 1024), 64).convert("RGB")
    buffer = io.BytesIO()
    odd_but_valid.save(buffer, "PNG", compress_level=1)
    bedrock.enqueue({"images": [base64.b64encode(buffer.getvalue()).decode()], "error": None})
    send("POST", "/generate", FOX)
    (stored,) = bucket.objects.values()
    assert stored[:33] == buffer.getvalue()[:33]
    assert stored.endswith(buffer.getvalue()[33:])


@given(width=sides, height=sides, model=st.sampled_from(list(MODELS)))
def test_the_native_size_is_the_nearest_ratio_that_covers(width: int, height: int, model: str) -> None:
    wanted, entry = Size(width, height), MODELS[model]
    sizes = list(_close(entry.native_sizes, wanted))
    chosen = nearest(wanted, entry.native_sizes, lambda size: entry.price(size, "standard"))

    eligible = [native for native in sizes if native.covers(wanted)]
    assert chosen in eligible
    assert _off(chosen, wanted) <= min(_off(native, wanted) for native in eligible) + 1e-9
    assert entry.price(chosen, "standard") > 0


def _close(sizes: Iterable[NativeSize], wanted: Size) -> Iterable[NativeSize]:
    """Of a grid only the sizes that crop less than a step."""
    if not isinstance(sizes, Grid):
        return sizes
    return [
        NativeSize(width, height)
        for width in range(wanted.width, wanted.width + sizes.step)
        for height in range(wanted.height, wanted.height + sizes.step)
        if width % sizes.step == height % sizes.step == 0
    ]


def _off(one: Size, other: Size) -> float:
    return abs(math.log(one.ratio / other.ratio))


@pytest.mark.parametrize(
    ("wanted", "model", "native"),
    [
        ((1024, 1024), "titan", NativeSize(1024, 1024)),
        ((512, 512), "titan", NativeSize(512, 512)),
        ((600, 600), "titan", NativeSize(768, 768)),
        ((1024, 512), "titan", NativeSize(1408, 768)),
        ((1024, 1024), "core", NativeSize(1216, 1216, "1:1")),
        ((1024, 576), "core", NativeSize(1536, 832, "16:9")),
        ((512, 1024), "ultra", NativeSize(768, 1344, "9:16")),
        ((777, 1001), "canvas", NativeSize(784, 1008)),
    ],
)
def test_the_rule_for_sizes(wanted: tuple[int, int], model: str, native: NativeSize) -> None:
    entry = find(model)
    assert nearest(Size(*wanted), entry.native_sizes, lambda size: entry.price(size, "standard")) == native


@pytest.mark.parametrize(
    ("asked", "model", "native", "made"),
    [
        ((1536, 1024), "core", NativeSize(1536, 1024, "3:2"), (1536, 1024)),
        ((2048, 2048), "core", NativeSize(1216, 1216, "1:1"), (1216, 1216)),
        ((1792, 1024), "core", NativeSize(1536, 1024, "3:2"), (1536, 878)),
        ((1536, 1024), "titan", NativeSize(1152, 768), (1152, 768)),
        ((3840, 2160), "titan", NativeSize(1408, 768), (1365, 768)),
        ((1536, 1024), "canvas", NativeSize(1536, 1024), (1536, 1024)),
        ((256, 256), "canvas", NativeSize(320, 320), (256, 256)),
        ((2048, 2048), "canvas", NativeSize(2032, 2032), (2032, 2032)),
        ((3840, 1280), "canvas", NativeSize(3536, 1168), (3504, 1168)),
    ],
)
def test_the_largest_size_of_the_ratio_is_made_where_none_covers(
    asked: tuple[int, int], model: str, native: NativeSize, made: tuple[int, int]
) -> None:
    entry = find(model)
    chosen = nearest(Size(*asked), entry.native_sizes, lambda size: entry.price(size, "standard"))
    assert chosen == native
    assert scaled_into(chosen, Size(*asked)) == Size(*made)


@pytest.mark.parametrize("model", ["core", "ultra", "sd3.5"])
def test_one_image_models_get_a_call_for_each_image_with_seeds_that_follow_on(
    send: Send, bedrock: FakeBedrock, model: str
) -> None:
    answer = send("POST", "/generate", FOX | {"model": model, "number_of_images": 4, "seed": 7})

    assert sorted(call.body["seed"] for call in bedrock.calls) == [7, 8, 9, 10]
    assert [detail["seed"] for detail in answer.json["details"]] == [7, 8, 9, 10]
    assert [detail["caption"] for detail in answer.json["details"]] == [f"Image {n} of 4" for n in (1, 2, 3, 4)]
    assert len(set(answer.json["images"])) == 4


def test_titan_makes_all_images_in_one_call(send: Send, bedrock: FakeBedrock) -> None:
    answer = send("POST", "/generate", FOX | {"number_of_images": 4, "seed": 7})

    assert [call.body["imageGenerationConfig"]["numberOfImages"] for call in bedrock.calls] == [4]
    assert [(detail["seed"], detail["seed_index"]) for detail in answer.json["details"]] == [
        (7, 0),
        (7, 1),
        (7, 2),
        (7, 3),
    ]
    assert answer.json["cost_usd"] == 0.04


def test_seeds_start_again_at_the_limit_without_the_one_that_means_random(send: Send, bedrock: FakeBedrock) -> None:
    send("POST", "/generate", FOX | {"model": "core", "number_of_images": 3, "seed": 2147483646})
    assert sorted(call.body["seed"] for call in bedrock.calls) == [1, 2, 2147483646]


def test_a_random_seed_is_returned_and_differs(send: Send, bedrock: FakeBedrock) -> None:
    seeds = {
        send("POST", "/generate", FOX | {"seed": None, "model": model}).json["details"][0]["seed"]
        for model in ("titan", "core")
        for _ in range(5)
    }
    assert len(seeds) == 10
    assert 0 not in {call.body.get("seed") for call in bedrock.calls}


def test_the_seed_that_the_model_reports_is_returned(send: Send, bedrock: FakeBedrock, bucket: FakeBucket) -> None:
    bedrock.enqueue({"images": [base64_png(1216, 1216)], "seeds": ["2130420379"], "finish_reasons": [None]})

    answer = send("POST", "/generate", FOX | {"model": "core", "seed": 0})

    assert answer.json["details"][0]["seed"] == 2130420379
    assert [warning["code"] for warning in answer.json["warnings"]] == ["seed_random"]
    (metadata,) = bucket.metadata.values()
    assert (metadata["model"], metadata["seed"]) == ("stability.stable-image-core-v1:1", "2130420379")


def test_the_bucket_knows_an_images_facts_and_never_the_prompt(send: Send, bucket: FakeBucket) -> None:
    (detail,) = send("POST", "/generate", FOX | {"model": "core", "width": 512}).json["details"]
    (metadata,) = bucket.metadata.values()
    facts = ("seed", "width", "height", "native_width", "native_height", "bytes")
    assert {name: metadata[name.replace("_", "-")] for name in facts} == {name: str(detail[name]) for name in facts}
    assert metadata["price-micros"] == "40000"
    assert "a fox" not in str(metadata)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"model": "titan"}, []),
        ({"model": "core"}, []),
        ({"model": "titan", "cfg_scale": 10}, []),
        ({"model": "titan", "cfg_scale": 1}, ["cfg_scale_clamped"]),
        ({"model": "canvas", "cfg_scale": 20}, ["cfg_scale_clamped"]),
        ({"model": "core", "cfg_scale": 8}, ["cfg_scale_ignored"]),
        ({"model": "core", "quality": "standard"}, ["quality_ignored"]),
        ({"model": "titan", "quality": "premium"}, []),
        ({"model": "titan", "seed": 0}, []),
        ({"model": "core", "seed": 0}, ["seed_random"]),
        ({"model": "core", "negative_text": "rain"}, []),
    ],
)
def test_each_explicit_value_that_was_not_honoured_is_a_warning(
    send: Send, body: dict[str, object], codes: list[str]
) -> None:
    answer = send("POST", "/generate", FOX | body)
    warnings = answer.json["warnings"]
    assert [warning["code"] for warning in warnings] == codes
    assert {warning["field"] for warning in warnings} <= body.keys()


@pytest.mark.parametrize(("wanted", "used"), [(1, 1.1), (10, 10), (20, 10)])
def test_cfg_scale_is_clamped_to_what_titan_takes(send: Send, bedrock: FakeBedrock, wanted: float, used: float) -> None:
    send("POST", "/generate", FOX | {"cfg_scale": wanted})
    assert bedrock.calls[0].body["imageGenerationConfig"]["cfgScale"] == used


def test_a_model_that_could_make_other_formats_is_asked_for_a_png(send: Send, bedrock: FakeBedrock) -> None:
    send("POST", "/generate", FOX | {"model": "core"})
    assert bedrock.calls[0].body["output_format"] == "png"


@pytest.mark.parametrize(("model", "field"), [("titan", "negativeText"), ("core", "negative_prompt")])
def test_the_negative_text_reaches_the_model(send: Send, bedrock: FakeBedrock, model: str, field: str) -> None:
    send("POST", "/generate", FOX | {"model": model, "negative_text": "rain"})
    body = bedrock.calls[0].body
    assert body.get("textToImageParams", body)[field] == "rain"


def test_one_blocked_image_of_four_does_not_lose_the_others(
    send: Send, bedrock: FakeBedrock, bucket: FakeBucket
) -> None:
    image = base64_png(1216, 1216)
    blocked = {"finish_reasons": ["Filter reason: output image"]}
    bedrock.by_seed = {seed: {"images": [image], "seeds": [seed], "finish_reasons": [None]} for seed in (5, 7, 8)}
    bedrock.by_seed[6] = blocked

    answer = send("POST", "/generate", FOX | {"model": "core", "number_of_images": 4, "seed": 5})

    assert answer.status == 200
    assert answer.json["message"] == "3 of 4 images generated"
    assert [detail["status"] for detail in answer.json["details"]] == ["stored", "blocked", "stored", "stored"]
    assert [detail["seed"] for detail in answer.json["details"]] == [5, 6, 7, 8]
    assert "content filter" in answer.json["details"][1]["reason"]
    assert len(answer.json["images"]) == len(bucket.objects) == 3
    assert answer.json["cost_usd"] == 0.12


def test_one_failed_call_of_two_does_not_lose_the_other(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.by_seed = {43: BedrockError("ThrottlingException", "")}

    answer = send("POST", "/generate", FOX | {"model": "core", "number_of_images": 2})

    assert [detail["status"] for detail in answer.json["details"]] == ["stored", "failed"]
    assert answer.json["cost_usd"] == 0.04


def test_titan_delivers_what_passed_the_filter(send: Send, bedrock: FakeBedrock) -> None:
    some = "Some of the generated images have been blocked by our content filters."
    bedrock.enqueue({"images": [base64_png(1024, 1024)] * 3, "error": some})

    answer = send("POST", "/generate", FOX | {"number_of_images": 4})

    assert answer.json["message"] == "3 of 4 images generated"
    assert [detail["status"] for detail in answer.json["details"]] == ["stored", "stored", "stored", "blocked"]
    assert answer.json["cost_usd"] == 0.03


def test_a_mix_of_causes_that_may_have_cost_something_does_not_fall_back(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    bedrock.by_seed = {
        42: BedrockError("ThrottlingException", ""),
        43: BedrockError("ModelErrorException", ""),
    }
    answer = send("POST", "/generate", FOX | {"number_of_images": 2})
    assert (answer.status, answer.json["code"]) == (502, "model_error")
