"""The content filter of each family."""

import pytest
from botocore.exceptions import ClientError

from tests.integration.emulator.front_door import CANVAS, CORE, STABILITY, TITAN, Emulator, smallest

SOME = "Some of the generated images have been blocked by our content filters."
ALL = "All of the generated images have been blocked by our content filters."


@pytest.mark.parametrize("model", [TITAN, CANVAS])
def test_titan_and_canvas_refuse_a_prompt(emulator: Emulator, model: str) -> None:
    emulator.configure(block={"prompt_contains": "forbidden"})
    with pytest.raises(ClientError, match="ValidationException") as refused:
        emulator.invoke(model, smallest(model, "a Forbidden cat"))
    message = refused.value.response["Error"]["Message"]
    assert message.startswith("This request has been blocked by our content filters.")
    assert message.endswith("Please adjust your text prompt to submit a new request.")
    assert ("Responsible AI" in message) == (model == TITAN)
    assert [(call["status"], call["images"]) for call in emulator.calls()] == [(400, 0)]


@pytest.mark.parametrize("model", STABILITY)
def test_stability_reports_a_blocked_prompt_in_a_200(emulator: Emulator, model: str) -> None:
    emulator.configure(block={"prompt_contains": "forbidden"})
    answer = emulator.invoke(model, {"prompt": "a forbidden cat"})
    assert answer == {"finish_reasons": ["Filter reason: prompt"]}
    assert [(call["status"], call["images"]) for call in emulator.calls()] == [(200, 1)]


def test_another_prompt_passes(emulator: Emulator) -> None:
    emulator.configure(block={"prompt_contains": "forbidden"}, native_size=[64, 64])
    assert len(emulator.invoke(CORE, {"prompt": "a cat"})["images"]) == 1


@pytest.mark.parametrize("model", [TITAN, CANVAS])
def test_a_withheld_output_does_not_affect_the_others(emulator: Emulator, model: str) -> None:
    body = smallest(model, numberOfImages=3)
    whole = emulator.invoke(model, body)["images"]
    emulator.configure(block={"output_index": 1})
    answer = emulator.invoke(model, body)
    assert answer == {"images": [whole[0], whole[2]], "error": SOME}
    assert emulator.invoke(model, body)["images"] == whole
    assert [call["images"] for call in emulator.calls()] == [3, 3, 3]


@pytest.mark.parametrize("model", [TITAN, CANVAS])
def test_all_outputs_withheld(emulator: Emulator, model: str) -> None:
    emulator.configure(block={"output_index": 0})
    assert emulator.invoke(model, smallest(model)) == {"images": [], "error": ALL}


@pytest.mark.parametrize("model", STABILITY)
def test_stability_reports_a_withheld_output_in_a_200(emulator: Emulator, model: str) -> None:
    emulator.configure(block={"output_index": 1}, native_size=[64, 64])
    answers = [emulator.invoke(model, {"prompt": "a cat"}) for _ in range(3)]
    assert answers[1] == {"finish_reasons": ["Filter reason: output image"]}
    assert [len(answer.get("images", [])) for answer in answers] == [1, 0, 1]


def test_outputs_are_counted_over_all_accepted_calls(emulator: Emulator) -> None:
    emulator.configure(block={"output_index": 3}, retired=[CANVAS], native_size=[64, 64])
    with pytest.raises(ClientError, match="end of its life"):
        emulator.invoke(CANVAS, smallest(CANVAS, numberOfImages=5))
    emulator.invoke(TITAN, smallest(TITAN, numberOfImages=2))
    emulator.invoke(CORE, {"prompt": "a cat"})
    assert emulator.invoke(TITAN, smallest(TITAN))["error"] == ALL


def test_both_conditions_must_hold(emulator: Emulator) -> None:
    emulator.configure(block={"prompt_contains": "forbidden", "output_index": 1}, native_size=[64, 64])
    emulator.invoke(CORE, {"prompt": "forbidden"})
    assert "images" not in emulator.invoke(CORE, {"prompt": "forbidden"})
    emulator.configure(block={"prompt_contains": "forbidden", "output_index": 0}, native_size=[64, 64])
    answers = [emulator.invoke(CORE, {"prompt": prompt}) for prompt in ("a cat", "forbidden")]
    assert [len(answer["images"]) for answer in answers] == [1, 1]
