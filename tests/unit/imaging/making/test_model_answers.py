"""What is told and written of a model's answer."""

import io
import json
from collections.abc import Sequence

import pytest

from aws.table import Change
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send

FOX = {"text": "a fox", "model": "core"}


def test_the_log_names_the_model_and_the_error_of_a_failed_call(
    send: Send, bedrock: FakeBedrock, log: io.StringIO
) -> None:
    bedrock.refuse("ModelErrorException")
    send("POST", "/generate", FOX)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (failed,) = [line for line in lines if line["message"] == "A model call failed"]
    assert failed["aws_error"] == "ModelErrorException"
    assert failed["model"].startswith("stability.stable-image-core")


def test_the_reason_of_a_blocked_image_is_a_sentence(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.enqueue({"finish_reasons": ["Filter reason: output image"]})
    detail = send("POST", "/generate", FOX).json["detail"]
    assert detail[0].isupper()


def test_the_record_of_each_of_several_images_is_written_once(
    send: Send, table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    original = table.write

    def write(changes: Sequence[Change], token: str) -> None:
        written.extend(change.key for change in changes if change.key.startswith("image#"))
        original(changes, token)

    monkeypatch.setattr(table, "write", write)
    assert send("POST", "/generate", FOX | {"number_of_images": 2}).status == 200
    assert len(written) == len(set(written)) == 2
