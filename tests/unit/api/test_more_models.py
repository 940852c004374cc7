"""A model that the catalog does not know, but whose family it does: it behaves as a known member, at its own price."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from aws.bedrock import ModelStatus
from bootstrap import Services
from imaging.errors import Misconfigured
from imaging.models import catalog
from settings import Settings
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send
from tests.unit.doors import totals

CORE, CANVAS = "stability.stable-image-core-v2:0", "amazon.nova-canvas-v2:0"
ARN = "arn:aws:bedrock:{}::foundation-model/{}"
MORE = ",".join(
    f"{ARN.format(region, model)}={family}"
    for region, model, family in (
        ("us-west-2", CORE, "core"),
        ("eu-west-1", CANVAS, "canvas"),
        ("us-east-1", CANVAS, "canvas"),
    )
)
FRESH = {"cache_control": "no-cache"}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    listed = {"STANDARD_MODELS": f"{CORE},core", "PREMIUM_MODELS": CANVAS}
    return environment | listed | {"MORE_MODELS": MORE, "MODEL_PRICES": f"{CORE}=0.05,{CANVAS}=0.07"}


def test_it_makes_images_at_its_price(send: Send, bedrock: FakeBedrock, table: FakeTable) -> None:
    answer = send("POST", "/generate", {"text": "a fox"}, **FRESH)
    assert (answer.json["model"], answer.json["cost_usd"]) == (CORE, 0.05)
    assert (bedrock.calls[0].model, bedrock.calls[0].region) == (CORE, "us-west-2")
    assert totals(table) == (50_000, 0)


def test_it_is_asked_as_its_family_is_and_in_the_stacks_own_region_if_it_is_there(
    send: Send, bedrock: FakeBedrock
) -> None:
    sent = {"text": "a fox", "width": 768, "height": 512, "cfg_scale": 20, "number_of_images": 3}
    for name in (CANVAS, "canvas"):
        assert send("POST", "/generate", sent | {"model": name}, **FRESH).status == 200
    ours, known = bedrock.calls
    assert (ours.body, ours.region) == (known.body, "us-east-1")


def test_it_falls_back_as_any_other(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    answer = send("POST", "/generate", {"text": "a fox"})
    assert answer.json["model"] == "stability.stable-image-core-v1:1"
    assert CORE in answer.json["warnings"][0]["detail"]


def test_its_price_is_reserved(send: Send, bedrock: FakeBedrock) -> None:
    seen: list[float] = []
    bedrock.meanwhile.append(lambda: seen.append(send("GET", "/usage").json["reserved_usd"]))
    send("POST", "/generate", {"text": "a fox", "number_of_images": 2}, **FRESH)
    assert seen == [0.1], "of two images, whichever of the list's models answers"


def test_it_is_in_the_lists_of_models_and_in_the_deep_health(send: Send) -> None:
    (told,) = [model for model in send("GET", "/models").json["models"] if model["id"] == CORE]
    assert (told["regions"], told["lists"], told["price_usd"], told["price_verified"]) == (
        ["us-west-2"],
        ["standard"],
        0.05,
        True,
    )
    assert told["lifecycle"]["state"] == "active"
    assert {CORE, CANVAS} < {model["id"] for model in send("GET", "/v1/models").json["data"]}
    assert send("GET", f"/v1/models/{CANVAS}").json["id"] == CANVAS
    assert CORE in {check["name"] for check in send("GET", "/health?deep=true").json["checks"]}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/generate", {"text": "a fox", "model": "stability.stable-image-core-v3:0"}, 400),
        ("/v1/images/generations", {"prompt": "a fox", "model": "stability.stable-image-core-v3:0"}, 404),
    ],
)
def test_a_name_that_nobody_lists_is_refused_with_all_that_are(
    send: Send, path: str, body: dict[str, Any], status: int
) -> None:
    answer = send("POST", path, body)
    assert answer.status == status
    assert CANVAS in answer.text


def test_it_is_pinned_through_openais_route(send: Send) -> None:
    answer = send("POST", "/v1/images/generations", {"prompt": "a fox", "model": CANVAS})
    assert (answer.json["model"], answer.json["cost_usd"]) == (CANVAS, 0.07)


def test_it_is_watched_and_reconciled(services: Services, wall: FakeClock) -> None:
    asked: set[tuple[str, str]] = set()

    def status(model_id: str, region: str) -> ModelStatus:
        asked.add((model_id, region))
        return ModelStatus("LEGACY", is_available=True, end_of_life=None)

    def made(models: Collection[tuple[str, str]], _since: float, _until: float) -> int:
        asked.update(models)
        return 3

    audited = replace(services, model_status=status, images_made=made)
    audited.lifecycle.observe()
    assert asked == {(CORE, "us-west-2"), ("stability.stable-image-core-v1:1", "us-west-2"), (CANVAS, "us-east-1")}
    assert audited.lifecycle.observed([CORE])[CORE].status == "LEGACY"

    asked.clear()
    audited.reconciliation.uncounted()
    wall.advance(3600)
    assert audited.reconciliation.uncounted() == 3
    assert {(CORE, "us-west-2"), (CANVAS, "us-east-1")} < asked


def test_without_a_price_the_stack_is_misconfigured(environment: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match=f"'{CANVAS}' has no price; each of MoreModels needs one"):
        Settings.from_environment(environment | {"MODEL_PRICES": f"{CORE}=0.05"})


def test_a_region_is_added_to_a_model_of_the_catalog(environment: dict[str, str]) -> None:
    known = "stability.stable-image-core-v1:1"
    added = {"MORE_MODELS": f"{MORE},{ARN.format('eu-west-1', known)}=core"}
    model = Settings.from_environment(environment | added).models[known]
    assert (model.regions, model.aliases) == (("us-west-2", "eu-west-1"), ("core", "stable-image-core"))
    assert model.prices == catalog.MODELS[known].prices


def test_a_stack_without_it_does_not_know_it(send: Send) -> None:
    catalog.offer({})
    assert send("POST", "/generate", {"text": "a fox", "model": CORE}).status == 400
