"""GET /models, and what it takes to add a model."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imaging.errors import Misconfigured
from imaging.models.catalog import MODELS, Model, Price
from imaging.models.schema import Answer, Ask, ModelOutput, decoded
from imaging.models.sizing import NativeSize, Size
from settings import Settings
from tests.fakes.bedrock import FakeBedrock, base64_png
from tests.fakes.clock import FakeClock
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send

CORE = "stability.stable-image-core-v1:1"


def facts(send: Send, query: str = "") -> dict[str, dict[str, Any]]:
    answer = send("GET", f"/models{query}")
    assert answer.status == 200
    return {model["id"]: model for model in answer.json["models"]}


def test_every_model_is_listed_with_its_facts(send: Send) -> None:
    told = facts(send)
    assert list(told) == list(MODELS)
    titan = told["amazon.titan-image-generator-v2:0"]
    assert titan["lists"] == ["standard", "premium"]
    assert titan["lifecycle"] == {
        "state": "end_of_life",
        "legacy_since": None,
        "end_of_life": "2026-06-30",
        "observed": None,
    }
    assert titan["limits"]["cfg_scale"] == [1.1, 10.0]
    assert titan["price_verified"] is False
    core = told[CORE]
    assert core["lists"] == ["standard"]
    assert core["lifecycle"]["state"] == "active"
    assert core["limits"]["cfg_scale"] is None
    assert "16:9" in core["native_sizes"]


def test_listed_models_past_their_published_end_are_named(send: Send) -> None:
    (warning,) = send("GET", "/models").json["warnings"]
    assert "amazon.titan-image-generator-v2:0 reached its published end of life on 2026-06-30" in warning


class TestLivingLists:
    @pytest.fixture
    def lists(self) -> dict[str, str]:
        return {"standard": "core", "premium": "ultra"}

    def test_there_is_nothing_to_say_of_them(self, send: Send) -> None:
        assert send("GET", "/models").json["warnings"] == []


def test_a_refusal_is_shown_until_it_expires_and_not_without_the_table(
    send: Send, bedrock: FakeBedrock, table: FakeTable
) -> None:
    bedrock.refuse("ResourceNotFoundException")
    send("POST", "/generate", {"text": "a fox"})
    assert facts(send)["amazon.titan-image-generator-v2:0"]["refused"] == "model_unavailable"
    table.refusals.append("InternalServerError")
    assert facts(send)["amazon.titan-image-generator-v2:0"]["refused"] is None


@pytest.mark.parametrize(
    ("query", "titan"),
    [
        ("", 0.01),
        ("?width=512&height=512", 0.008),
        ("?width=513&height=512", 0.01),
        ("?quality=premium", 0.012),
        ("?width=512&height=512&quality=premium", 0.01),
    ],
)
def test_the_price_is_that_of_the_size_and_quality_asked_about(send: Send, query: str, titan: float) -> None:
    assert facts(send, query)["amazon.titan-image-generator-v2:0"]["price_usd"] == titan


@pytest.mark.parametrize(
    ("query", "field"), [("?width=1", "width"), ("?height=big", "height"), ("?quality=ultra", "quality")]
)
def test_a_bad_query_is_refused_by_name(send: Send, query: str, field: str) -> None:
    answer = send("GET", f"/models{query}")
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, field)


def test_a_refusal_that_was_seen_is_told(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    send("POST", "/generate", {"text": "a fox"})
    told = facts(send)
    assert told["amazon.titan-image-generator-v2:0"]["refused"] == "model_unavailable"
    assert told[CORE]["refused"] is None


def test_a_refusal_is_told_for_an_hour(send: Send, bedrock: FakeBedrock, wall: FakeClock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    send("POST", "/generate", {"text": "a fox"})
    wall.advance(3590)
    assert facts(send)["amazon.titan-image-generator-v2:0"]["refused"] == "model_unavailable"
    wall.advance(10)
    assert facts(send)["amazon.titan-image-generator-v2:0"]["refused"] is None


@pytest.mark.parametrize(("days", "state"), [(-1, "end_of_life"), (0, "end_of_life"), (1, "legacy")])
def test_the_state_is_as_of_today(send: Send, monkeypatch: pytest.MonkeyPatch, days: int, state: str) -> None:
    today = datetime.now(UTC).date()
    dated = replace(MODELS[CORE], legacy_since=today, end_of_life=today + timedelta(days=days))
    monkeypatch.setitem(MODELS, CORE, dated)
    assert facts(send)[CORE]["lifecycle"]["state"] == state


class TestPricesOfTheOperator:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MODEL_PRICES": "core=0.035, sd3.5=0.0700006"}

    def test_replace_those_of_the_catalog(self, send: Send) -> None:
        assert facts(send)[CORE]["price_usd"] == 0.035
        assert facts(send)[CORE]["price_verified"] is True

    @pytest.mark.parametrize(("model", "usd"), [("core", 0.035), ("sd3.5", 0.070001)])
    def test_are_what_an_image_costs_listed_or_not(self, send: Send, model: str, usd: float) -> None:
        assert send("POST", "/generate", {"text": "a fox", "model": model}).json["cost_usd"] == usd

    def test_leave_the_catalog_as_it_is(self, settings: Settings) -> None:
        assert settings.models[CORE] != MODELS[CORE]
        assert MODELS[CORE].price(Size(1024, 1024), "standard") == 40_000


@pytest.mark.parametrize("prices", ["core", "core=", "core=free", "dall-e=1", "core=-1", "core=0", "core=0.1;ultra=1"])
def test_an_invalid_price_is_refused(environment: dict[str, str], prices: str) -> None:
    with pytest.raises(Misconfigured, match="is no price"):
        Settings.from_environment(environment | {"MODEL_PRICES": prices})


class MadeUp:
    """A request schema that nobody has."""

    def body(self, ask: Ask) -> dict[str, Any]:
        return {"wish": ask.text, "pixels": [ask.size.width, ask.size.height], "dice": ask.seed}

    def read(self, answer: Answer, images: int) -> Sequence[ModelOutput]:
        return [decoded(answer["png"], 99)] * images

    def blocked(self, message: str) -> bool:
        return message == "no"


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Model:
    model = Model(
        id="nobody.dream-v1:0",
        name="Dream",
        schema=MadeUp(),
        aliases=("dream",),
        regions=("ap-south-1",),
        native_sizes=(NativeSize(640, 640), NativeSize(1280, 640)),
        images_per_call=1,
        cfg_scale=None,
        qualities=None,
        prices=(Price(5_000),),
        source="none",
    )
    monkeypatch.setitem(MODELS, model.id, model)
    return model


def test_a_new_model_is_one_catalog_entry_and_one_module(send: Send, bedrock: FakeBedrock, made_up: Model) -> None:
    bedrock.enqueue({"png": base64_png(1280, 640)})

    answer = send("POST", "/generate", {"text": "a fox", "model": "dream", "width": 1000, "height": 512})

    (call,) = bedrock.calls
    assert (call.model, call.region) == (made_up.id, "ap-south-1")
    assert call.body == {"wish": "a fox", "pixels": [1280, 640], "dice": 42}
    assert answer.json["details"][0]["seed"] == 99
    assert answer.json["cost_usd"] == 0.005
    assert facts(send)[made_up.id]["price_usd"] == 0.005
    assert send("POST", "/generate", {"text": "a fox", "model": "nightmare"}).text.count(made_up.id) == 2


def test_a_new_models_filter_is_recognised(send: Send, bedrock: FakeBedrock, made_up: Model) -> None:
    bedrock.refuse("ValidationException", "no")
    assert send("POST", "/generate", {"text": "a fox", "model": made_up.id}).json["code"] == "content_blocked"


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_no_entry_contradicts_itself(model: Model) -> None:
    assert model.regions
    assert model.images_per_call >= 1
    assert model.source.startswith("https://docs.aws.amazon.com/")
    for quality in ("standard", "premium"):
        assert all(model.price(size, quality) > 0 for size in model.native_sizes)
    if model.cfg_scale:
        assert 0 < model.cfg_scale[0] < model.cfg_scale[1]
    if model.legacy_since and model.end_of_life:
        assert model.legacy_since < model.end_of_life
    asked_by_ratio = {size.aspect_ratio is not None for size in model.native_sizes}
    assert len(asked_by_ratio) == 1
    assert any(size.covers(Size(1024, 1024)) for size in model.native_sizes)


def test_ratios_are_what_they_are_called() -> None:
    for model in MODELS.values():
        for size in model.native_sizes:
            if size.aspect_ratio:
                across, down = map(int, size.aspect_ratio.split(":"))
                assert size.ratio == pytest.approx(across / down, rel=0.08)


def test_names_are_unique() -> None:
    names = [name for model in MODELS.values() for name in (model.id, *model.aliases)]
    assert len(names) == len(set(names))


def test_a_size_without_a_price_is_refused_instead_of_counted_as_nothing() -> None:
    model = replace(MODELS[CORE], prices=(Price(1, up_to_pixels=10),))
    with pytest.raises(LookupError, match="no price"):
        model.price(Size(512, 512), "standard")
