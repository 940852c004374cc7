"""Model names, regions and retirement."""

import sys

import pytest
from botocore.exceptions import ClientError

from local.emulator.__main__ import _more, main
from local.emulator.testing import running_emulator
from tests.integration.emulator.front_door import (
    CANVAS,
    CORE,
    EVERY_MODEL,
    PROFILE,
    SD3_5,
    TITAN,
    ULTRA,
    Emulator,
    smallest,
)

END_OF_LIFE = (
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
)
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1")
HOMES = {
    TITAN: ("us-east-1", "us-west-2"),
    CANVAS: ("us-east-1", "eu-west-1", "ap-northeast-1"),
    **dict.fromkeys((CORE, ULTRA, SD3_5), ("us-west-2",)),
}
FOUNDATION = f"arn:aws:bedrock:us-west-2::foundation-model/{CORE}"


def _error(emulator: Emulator, model: str, body: object, region: str | None = None) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        emulator.invoke(model, body, region)
    response = refused.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("model", EVERY_MODEL)
def test_a_model_answers_in_its_regions(emulator: Emulator, model: str, region: str) -> None:
    emulator.configure(native_size=[64, 64])
    if region in HOMES[model]:
        assert len(emulator.invoke(model, smallest(model), region)["images"]) == 1
    else:
        expected = (400, "ValidationException", "The provided model identifier is invalid.")
        assert _error(emulator, model, smallest(model), region) == expected


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_an_unsigned_call_has_no_region(emulator: Emulator, model: str) -> None:
    emulator.configure(faults=[{"model": "*", "error": "ThrottlingException"}])
    assert emulator.http.post(f"/model/{model}/invoke", json=smallest(model)).status_code == 429


@pytest.mark.parametrize(
    "name",
    [
        "nonsense",
        "amazon.titan-image-generator-v1",
        f"us.{CORE}",
        CORE.upper(),
        "arn:aws:bedrock",
        "arn:aws:bedrock:us-west-2::foundation-model/nonsense",
        f"arn:aws:bedrock:us-east-1::foundation-model/{CORE}",
        PROFILE.replace("us-west-2", "us-east-1"),
    ],
)
def test_an_unknown_identifier_is_invalid(emulator: Emulator, name: str) -> None:
    expected = (400, "ValidationException", "The provided model identifier is invalid.")
    assert _error(emulator, name, {"prompt": "x"}, "us-west-2") == expected


def test_an_unknown_profile_is_not_found(emulator: Emulator) -> None:
    status, code, _ = _error(emulator, PROFILE + "d", {"prompt": "x"})
    assert (status, code) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize("name", [PROFILE, FOUNDATION])
def test_an_arn_calls_the_model_behind_it(emulator: Emulator, name: str) -> None:
    emulator.configure(native_size=[64, 64])
    body = {"prompt": "a cat", "seed": 3}
    assert emulator.invoke(name, body) == emulator.invoke(CORE, body)
    assert [call["model"] for call in emulator.calls()] == [name, CORE]


@pytest.mark.parametrize("name", [CORE, PROFILE])
def test_a_retired_model_refuses_every_request(emulator: Emulator, name: str) -> None:
    emulator.configure(retired=[CORE, TITAN], native_size=[64, 64])
    expected = (404, "ResourceNotFoundException", END_OF_LIFE)
    assert _error(emulator, name, {"prompt": "x"}) == expected
    assert _error(emulator, name, {"nonsense": "x"}) == expected
    assert len(emulator.invoke(ULTRA, {"prompt": "x"})["images"]) == 1
    assert [call["status"] for call in emulator.calls()] == [404, 404, 200]


SUCCESSOR = "stability.stable-image-core-v2:0"
MORE = f"{FOUNDATION.replace(CORE, SUCCESSOR)}=core,{FOUNDATION.replace('us-west-2', 'eu-west-1')}=core"


def test_more_models_answer_as_their_family_in_their_regions() -> None:
    with running_emulator(more_models=_more(MORE)) as url:
        emulator = Emulator(url)
        with emulator.http:
            told = emulator.configure(native_size=[64, 64], lifecycle={SUCCESSOR: {"status": "LEGACY"}})
        assert told.status_code == 200
        assert len(emulator.invoke(SUCCESSOR, {"prompt": "x"})["images"]) == 1
        assert len(emulator.invoke(CORE, {"prompt": "x"}, "eu-west-1")["images"]) == 1
        _, code, message = _error(emulator, SUCCESSOR, {"prompt": "x", "strength": 1})
        assert (code, "Invalid field" in message) == ("ValidationException", True)
        assert _error(emulator, SUCCESSOR, {"prompt": "x"}, "eu-west-1")[0] == 400


@pytest.mark.parametrize("option", [f"{SUCCESSOR}=core", f"{FOUNDATION}=dall-e", FOUNDATION])
def test_more_models_that_make_no_sense_stop_the_start(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["emulator", "--port", "0", "--more", option])
    with pytest.raises(SystemExit):
        main()
    assert "--more" in capsys.readouterr().err
