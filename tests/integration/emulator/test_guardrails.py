"""Guardrails, as InvokeModel applies them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.emulator.front_door import CANVAS, CORE, TITAN, Emulator, smallest

ACTION = "amazon-bedrock-guardrailAction"


def guarded(emulator: Emulator, model: str, prompt: str, *, version: str = "1", region: str = "us-west-2") -> Any:  # noqa: ANN401
    answer = emulator.client(region).invoke_model(
        modelId=model,
        body=json.dumps(smallest(model, prompt)),
        guardrailIdentifier="abc",
        guardrailVersion=version,
        trace="DISABLED",
    )
    return json.loads(answer["body"].read())


@pytest.mark.parametrize(("at", "billed"), [("input", 0), ("output", 1)])
@pytest.mark.parametrize("model", [TITAN, CORE])
def test_an_intervention_is_a_200_without_images(emulator: Emulator, model: str, at: str, billed: int) -> None:
    emulator.configure(guardrails={"abc": {"prompt_contains": "forbidden", "at": at}}, native_size=[64, 64])
    assert guarded(emulator, model, "a forbidden cat") == {ACTION: "INTERVENED"}
    passed = guarded(emulator, model, "a cat")
    assert (passed[ACTION], len(passed["images"])) == ("NONE", 1)
    assert [(call["status"], call["images"]) for call in emulator.calls()] == [(200, billed), (200, 1)]


@pytest.mark.parametrize(
    "guardrails", [{}, {"abc": {"versions": ["2"]}}, {"abc": {"region": "us-east-1"}}], ids=["id", "version", "region"]
)
def test_one_that_does_not_exist_there_is_refused(emulator: Emulator, guardrails: dict[str, Any]) -> None:
    emulator.configure(guardrails=guardrails)
    with pytest.raises(ClientError, match=r"ValidationException.*guardrail identifier or version"):
        guarded(emulator, CORE, "a cat")
    assert [call["images"] for call in emulator.calls()] == [0]


def test_without_a_guardrail_nothing_is_said_of_one(emulator: Emulator) -> None:
    emulator.configure(guardrails={"abc": {"prompt_contains": "cat"}})
    assert ACTION not in emulator.invoke(CANVAS, smallest(CANVAS))
