"""A request goes on to the next listed model where that cannot cost twice, and the answer says so."""

import json

import pytest

from aws.bedrock import BedrockError
from aws.table import TableError
from bootstrap import Services
from imaging.planning.route import Route
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send

TITAN, CORE = "amazon.titan-image-generator-v2:0", "stability.stable-image-core-v1:1"
ULTRA = "stability.stable-image-ultra-v1:1"

FOX = {"text": "a fox"}


def asked(bedrock: FakeBedrock) -> list[str]:
    return [call.model for call in bedrock.calls]


@pytest.mark.parametrize(
    "code",
    [
        "ResourceNotFoundException",
        "AccessDeniedException",
        "ThrottlingException",
        "ServiceQuotaExceededException",
        "ModelNotReadyException",
        "ServiceUnavailableException",
    ],
)
def test_the_next_model_answers_and_the_warning_names_the_first(send: Send, bedrock: FakeBedrock, code: str) -> None:
    bedrock.refuse(code)

    answer = send("POST", "/generate", FOX)

    assert answer.status == 200
    assert answer.json["model"] == CORE
    assert asked(bedrock) == [TITAN, CORE]
    (warning,) = answer.json["warnings"]
    assert (warning["code"], warning["field"]) == ("model_fell_through", "model")
    assert TITAN in warning["detail"]


def test_only_fresh_refusals_are_counted(send: Send, bedrock: FakeBedrock, capsys: pytest.CaptureFixture[str]) -> None:
    bedrock.refuse("ResourceNotFoundException")
    for seed in range(3):
        assert send("POST", "/generate", FOX | {"seed": seed + 1}).json["model"] == CORE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["ModelFallback"] for line in lines if "ModelFallback" in line] == [[1]]


def test_a_refusal_that_cannot_be_shared_changes_nothing_else(
    send: Send, bedrock: FakeBedrock, table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TableError("InternalServerError")

    bedrock.refuse("ResourceNotFoundException")
    monkeypatch.setattr(table, "put", refuse)
    assert send("POST", "/generate", FOX).json["model"] == CORE


def test_premium_has_a_list_of_its_own(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    assert send("POST", "/generate", FOX | {"quality": "premium"}).json["model"] == ULTRA


@pytest.mark.parametrize("code", ["ValidationException", "ModelErrorException", "ModelTimeoutException"])
def test_other_errors_are_answered_at_once(send: Send, bedrock: FakeBedrock, code: str) -> None:
    bedrock.refuse(code)
    assert send("POST", "/generate", FOX).json["aws_error"] == code
    assert asked(bedrock) == [TITAN]


def test_a_model_asked_for_by_name_is_the_only_one(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    assert send("POST", "/generate", FOX | {"model": "titan-v2"}).status == 503
    assert asked(bedrock) == [TITAN]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_model_that_is_gone_is_asked_once_an_hour(
    send: Send, bedrock: FakeBedrock, clock: FakeClock, code: str
) -> None:
    bedrock.refuse(code)
    send("POST", "/generate", FOX, cache_control="no-cache")
    clock.now += 3599
    answer = send("POST", "/generate", FOX, cache_control="no-cache")
    assert asked(bedrock) == [TITAN, CORE, CORE]
    assert answer.json["warnings"][0]["code"] == "model_fell_through"

    clock.now += 1
    assert send("POST", "/generate", FOX, cache_control="no-cache").json["model"] == TITAN


def test_a_model_that_was_only_throttled_is_called_again(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ThrottlingException")
    send("POST", "/generate", FOX, cache_control="no-cache")
    assert send("POST", "/generate", FOX, cache_control="no-cache").json["model"] == TITAN


def test_when_every_model_is_known_to_refuse_all_are_called_again(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("AccessDeniedException", times=2)
    assert send("POST", "/generate", FOX).status == 500
    assert send("POST", "/generate", FOX).json["model"] == TITAN
    assert send("POST", "/generate", FOX).json["warnings"] == []


@pytest.mark.parametrize(
    ("titan", "core", "status", "code"),
    [
        ("ResourceNotFoundException", "ThrottlingException", 429, "throttled"),
        ("ThrottlingException", "ResourceNotFoundException", 429, "throttled"),
        ("AccessDeniedException", "ServiceUnavailableException", 503, "model_unavailable"),
        ("AccessDeniedException", "ResourceNotFoundException", 500, "model_access_denied"),
        ("ResourceNotFoundException", "AccessDeniedException", 500, "model_access_denied"),
        ("ResourceNotFoundException", "ResourceNotFoundException", 503, "model_unavailable"),
    ],
)
def test_when_the_list_is_exhausted_a_cause_that_may_pass_is_answered(
    send: Send, bedrock: FakeBedrock, titan: str, core: str, status: int, code: str
) -> None:
    bedrock.enqueue(BedrockError(titan, ""), BedrockError(core, ""))

    answer = send("POST", "/generate", FOX)

    assert (answer.status, answer.json["code"]) == (status, code)
    assert [attempt["model"] for attempt in answer.json["attempts"]] == [TITAN, CORE]
    assert ("retry-after" in answer.headers) == (titan.startswith(("Thr", "Serv")) or core.startswith(("Thr", "Serv")))


@pytest.mark.parametrize(
    ("home", "model", "region"),
    [
        ("us-east-1", "titan", "us-east-1"),
        ("us-west-2", "titan", "us-west-2"),
        ("eu-central-1", "titan", "us-east-1"),
        ("eu-west-1", "canvas", "eu-west-1"),
        ("us-east-1", "core", "us-west-2"),
    ],
)
def test_a_model_is_called_where_it_lives(home: str, model: str, region: str) -> None:
    assert Route.parse(model).region(home) == region


PROFILE = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/abc123"


@pytest.mark.parametrize("lists", [{"standard": f"core@{PROFILE}", "premium": "ultra"}])
@pytest.mark.parametrize("body", [FOX, FOX | {"model": "core"}])
def test_a_profile_is_called_in_the_models_place(send: Send, bedrock: FakeBedrock, body: dict[str, str]) -> None:
    answer = send("POST", "/generate", body)

    assert answer.json["model"] == CORE
    assert (bedrock.calls[0].model, bedrock.calls[0].region) == (PROFILE, "us-west-2")


@pytest.mark.parametrize("entry", ["", "dall-e-3", "core-v9"])
def test_a_list_that_names_no_model_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is no model; there are"):
        Route.parse(entry)


def test_the_memory_of_refusals_is_per_model(services: Services, send: Send, bedrock: FakeBedrock) -> None:
    bedrock.refuse("ResourceNotFoundException")
    send("POST", "/generate", FOX)
    router = services.router
    known = [router.known_refusal(route.model) for route in router.lists["standard"]]
    assert [refusal is not None for refusal in known] == [True, False]
