"""The call to Bedrock on the wire: retries and errors."""

from pathlib import Path

import httpx
import pytest

from aws import bedrock
from aws.bedrock import BedrockError
from tests.integration.servers import closing_server, resetting_server, silent_server, tls_breaking_server

pytestmark = pytest.mark.usefixtures("aws")

CORE = "stability.stable-image-core-v1:1"
BODY = {"prompt": "a fox", "aspect_ratio": "1:1", "seed": 42, "output_format": "png"}


def plenty() -> float:
    return 60


def calls(control: httpx.Client) -> list[int]:
    return [call["status"] for call in control.get("/_control/calls").json()]


def test_an_answer_is_the_models_json(control: httpx.Client) -> None:
    answer = bedrock.invoke(CORE, "us-west-2", BODY, plenty)

    assert answer.content["seeds"] == [42]
    assert answer.request_id
    assert calls(control) == [200]


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        ("ThrottlingException", 3),
        ("ModelNotReadyException", 3),
        ("ServiceUnavailableException", 3),
        ("InternalServerException", 1),
        ("ModelTimeoutException", 1),
        ("ModelErrorException", 1),
        ("ServiceQuotaExceededException", 1),
        ("AccessDeniedException", 1),
    ],
)
def test_only_the_sdk_retries_and_only_what_made_no_image(control: httpx.Client, error: str, attempts: int) -> None:
    control.post("/_control", json={"faults": [{"model": "*", "error": error}]})

    with pytest.raises(BedrockError) as raised:
        bedrock.invoke(CORE, "us-west-2", BODY, plenty)

    assert raised.value.code == error
    assert len(calls(control)) == attempts


def test_transient_throttling_is_retried(control: httpx.Client) -> None:
    control.post("/_control", json={"faults": [{"model": "*", "error": "ThrottlingException", "times": 2}]})
    assert bedrock.invoke(CORE, "us-west-2", BODY, plenty).content["images"]


def test_a_connection_lost_after_sending_is_not_retried(control: httpx.Client) -> None:
    control.post("/_control", json={"faults": [{"model": "*", "error": "drop"}]})

    with pytest.raises(BedrockError) as raised:
        bedrock.invoke(CORE, "us-west-2", BODY, plenty)

    assert raised.value.code == BedrockError.CONNECTION_LOST
    assert len(calls(control)) == 1


def test_a_read_timeout_is_not_retried(control: httpx.Client) -> None:
    control.post("/_control", json={"latency_ms": 60_000})

    with pytest.raises(BedrockError) as raised:
        bedrock.invoke(CORE, "us-west-2", BODY, lambda: 0.2)

    assert raised.value.code == BedrockError.READ_TIMEOUT


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_without_a_name_may_be_billed_and_is_not_retried(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = f"HTTP/1.1 {status} Oops\r\ncontent-length: 2\r\n\r\n{{}}".encode()
    with resetting_server(nameless, answers_per_connection=9) as server:
        error = _call_at(server.url, monkeypatch, str(status))
    assert (server.requests, error.may_be_billed) == (1, True)


def test_a_broken_tls_connection_may_be_billed_and_is_not_retried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with tls_breaking_server(tmp_path) as server:
        error = _call_at(server.url, monkeypatch, BedrockError.CONNECTION_LOST)
    assert (server.requests, error.may_be_billed) == (1, True)


def test_each_call_gets_the_remaining_time(control: httpx.Client) -> None:
    control.post("/_control", json={"faults": [{"model": "*", "error": "ThrottlingException", "times": 2}]})
    asked: list[float] = []

    def left() -> float:
        asked.append(60 - 10 * len(asked))
        return asked[-1]

    bedrock.invoke(CORE, "us-west-2", BODY, left)
    assert asked == [60, 50, 40]


def test_an_answer_that_is_not_json_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing_server(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\noops") as url:
        _call_at(url, monkeypatch, BedrockError.UNREADABLE)


def test_an_answer_cut_short_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing_server(b'HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{"images": [') as url:
        _call_at(url, monkeypatch, BedrockError.CONNECTION_LOST)


def test_a_missing_server_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_server() as url:
        pass
    assert not _call_at(url, monkeypatch, BedrockError.UNREACHABLE).may_be_billed


def test_missing_credentials_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(BedrockError) as raised:
        bedrock.invoke(CORE, "us-west-2", BODY, plenty)

    assert raised.value.code == BedrockError.NO_CREDENTIALS


def _call_at(url: str, monkeypatch: pytest.MonkeyPatch, code: str) -> BedrockError:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url)
    with pytest.raises(BedrockError) as raised:
        bedrock.invoke(CORE, "us-west-2", BODY, lambda: 5)
    assert raised.value.code == code
    return raised.value
