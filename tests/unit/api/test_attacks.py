"""What an outsider and a caller with a key would try, through the HTTP door. docs/security.md lists these tests."""

import base64
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import bootstrap
from settings import Settings
from tests.fakes.bedrock import FakeBedrock, png
from tests.fakes.environment import ENVIRONMENT
from tests.fakes.lambda_runtime import FakeContext, http_event
from tests.unit.conftest import Send

FOX = {"text": "a fox"}
FUNCTIONS = Path(bootstrap.__file__).parent
GATEWAY = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/api"
VICTIM, THIEF = "0" * 16, "f" * 16
ASYNC = {"prefer": "respond-async"}

INVISIBLE = [
    "\u200b",
    "\u200b \u2060\ufeff",
    "\u2028",
    "\u00ad",
    "\u3164",
    "\u2800",
    "\ufe0f",
    "\u202e\u202c",
    "\U000e0041",
]


# Links


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"x_forwarded_host": "evil.example"}], ids=repr)
def test_no_header_chooses_where_links_lead(send: Send, headers: dict[str, str]) -> None:
    made = send("POST", "/generate", FOX, **headers)
    job = send("POST", "/generate", FOX | {"seed": 1}, **ASYNC, **headers)

    assert made.json["details"][0]["link"].startswith(f"{GATEWAY}/images/")
    assert job.headers["location"].startswith(f"{GATEWAY}/jobs/")
    assert "evil" not in made.text + job.text


@pytest.mark.parametrize("scheme", ["javascript", "https://evil.example/?", "HTTP"])
def test_no_header_chooses_the_scheme_of_links(send: Send, scheme: str) -> None:
    link = send("POST", "/generate", FOX, x_forwarded_proto=scheme).json["details"][0]["link"]
    assert link.startswith(f"{GATEWAY}/images/")


class TestWithAConfiguredAddress:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return ENVIRONMENT | {"API_BASE_URL": "https://images.example/v2/"}

    def test_links_lead_to_the_configured_address(self, send: Send) -> None:
        link = send("POST", "/generate", FOX, host="evil.example").json["details"][0]["link"]
        assert link.startswith("https://images.example/v2/images/")


# Requests that cost time or money


def test_a_header_of_spaces_takes_no_time() -> None:
    """In another process, which can be stopped: the time of a backtracking expression grows with the square."""
    code = "from api.preferences import _preferences; _preferences(' ' * 400_000 + ';')"
    subprocess.run([sys.executable, "-c", code], cwd=FUNCTIONS, check=True, timeout=20)  # noqa: S603 - our own code


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("respond-async", True),
        ("foo, Respond-Async ; bar=1, wait=3", True),
        ('foo="respond-async, x"', False),
        ("foo; respond-async", False),
        ("respond-asynchronously", False),
        (",,=,", False),
    ],
)
def test_only_a_real_preference_makes_a_job(send: Send, prefer: str, applied: bool) -> None:
    assert (send("POST", "/generate", FOX, prefer=prefer).status == 202) is applied


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("field", ["text", "negative_text"])
@pytest.mark.parametrize("headers", [{}, ASYNC], ids=["at once", "job"])
def test_an_invisible_prompt_is_refused_and_not_paid(
    send: Send, bedrock: FakeBedrock, text: str, field: str, headers: dict[str, str]
) -> None:
    answer = send("POST", "/generate", FOX | {field: text}, **headers)

    assert (answer.status, answer.json["errors"][0]["field"]) == (400, field)
    assert bedrock.calls == []


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_an_invisible_prompt_of_an_openai_client_is_refused_and_not_paid(
    send: Send, bedrock: FakeBedrock, field: str
) -> None:
    answer = send("POST", "/v1/images/generations", {"prompt": "a fox", field: "\u200b"})
    assert (answer.status, bedrock.calls) == (400, [])


def test_an_invisible_prompt_of_a_direct_invocation_is_refused_and_not_paid(send: Send, bedrock: FakeBedrock) -> None:  # noqa: ARG001 - the fakes
    from api.app import lambda_handler  # noqa: PLC0415 - after the fakes
    from imaging.errors import InvalidRequest  # noqa: PLC0415

    with pytest.raises(InvalidRequest):
        lambda_handler({"text": "\u200b"}, FakeContext())
    assert bedrock.calls == []


@pytest.mark.parametrize("text", ["\U0001f98a", "\u200da", "\u0e01", "\U000fffff", "\u0301", "."], ids=ascii)
def test_a_prompt_with_one_visible_character_is_generated(send: Send, text: str) -> None:
    assert send("POST", "/generate", {"text": text}).status == 200


# JSON


@pytest.mark.parametrize(
    "body",
    [
        '{"text":' + "[" * 200_000,
        '{"text":' + '{"a":' * 100_000 + "1" + "}" * 100_001,
        '{"text": "a fox", "seed": ' + "9" * 100_000 + "}",
        '{"text": "a fox", "cfg_scale": NaN}',
        '{"text": "a fox", "cfg_scale": Infinity}',
        '{"text": "a fox", "cfg_scale": 1e999}',
        '{"text": "a fox", "width": -1e999}',
        '{"text": "\\ud800"}',
        '{"text": "a fox", "__proto__": {"quality": "premium"}}',
        '{"text": "a fox", "text\\u0000": "x"}',
        "[" * 200_000,
        "9" * 100_000,
    ],
    ids=lambda body: body[:40],
)
def test_a_json_bomb_is_a_short_refusal(send: Send, bedrock: FakeBedrock, body: str) -> None:
    answer = send("POST", "/generate", body)

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert len(answer.text) < 10_000
    assert bedrock.calls == []


def test_of_a_duplicate_field_the_last_is_validated_and_sent(send: Send, bedrock: FakeBedrock) -> None:
    assert send("POST", "/generate", '{"text": "a fox", "width": 1024, "width": 99999}').status == 400
    assert send("POST", "/generate", '{"text": "a fox", "text": "an owl"}').status == 200
    assert [call.body["textToImageParams"]["text"] for call in bedrock.calls] == ["an owl"]


# Another caller's things


def test_another_callers_job_and_image_do_not_exist(send: Send) -> None:
    job = send("POST", "/generate", FOX, caller=VICTIM, **ASYNC).json["id"]
    image = send("POST", "/generate", FOX | {"seed": 7}, caller=VICTIM).json["details"][0]["id"]

    for method in ("GET", "DELETE"):
        for target in (f"/jobs/{job}", f"/images/{image}.png"):
            assert send(method, target, caller=THIEF).status == 404
    assert send("GET", f"/images/{image}.webp?width=64", caller=THIEF).status == 404
    assert send("GET", f"/images/{image}.png", caller=VICTIM).status == 302


def test_another_callers_cursor_is_refused(send: Send) -> None:
    for seed in range(3):
        send("POST", "/generate", FOX | {"seed": seed}, caller=VICTIM)
    cursor = send("GET", "/images?limit=1", caller=VICTIM).json["next_cursor"]

    assert cursor
    assert send("GET", f"/images?limit=1&cursor={cursor}", caller=THIEF).status == 400
    assert send("GET", "/images", caller=THIEF).json["images"] == []


@pytest.mark.parametrize("cursor", ["e30", "%00", "A" * 20_000, base64.urlsafe_b64encode(b"[[[[").decode(), "../../"])
def test_a_forged_cursor_is_refused(send: Send, cursor: str) -> None:
    assert send("GET", f"/images?cursor={cursor}").status == 400


def test_another_callers_idempotency_key_brings_an_own_generation(send: Send, bedrock: FakeBedrock) -> None:
    first, second = (send("POST", "/generate", FOX, caller=who, idempotency_key="k").json for who in (VICTIM, THIEF))
    assert first["id"] != second["id"]
    assert len(bedrock.calls) == 2


@pytest.mark.parametrize("header", ["x_caller", "authorizer", "x_api_key", "x_amzn_caller", "gateway_token"])
def test_no_header_makes_a_caller_another(send: Send, header: str) -> None:
    job = send("POST", "/generate", FOX, caller=VICTIM, **ASYNC).json["id"]
    assert send("GET", f"/jobs/{job}", caller=THIEF, **{header: VICTIM}).status == 404


@pytest.mark.parametrize("authorizer", [{}, {"caller": VICTIM}, {"caller": VICTIM, "gateway_token": "guess"}], ids=repr)
def test_an_event_that_claims_to_come_from_the_gateway_is_refused(
    send: Send,  # noqa: ARG001 - the fakes
    authorizer: Mapping[str, str],
) -> None:
    from api.app import lambda_handler  # noqa: PLC0415 - after the fakes
    from imaging.errors import InvalidRequest  # noqa: PLC0415

    forged = http_event("GET", "/images")
    forged["requestContext"]["authorizer"] = authorizer
    with pytest.raises(InvalidRequest):
        lambda_handler(forged, FakeContext())


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "/images/..%2f..%2fkeys.png",
        "/images/../usage.png",
        "/images/%00.png",
        "/images/x%0d%0aSet-Cookie:a=b.png",
        "/jobs/generation%23x",
        "/jobs/..",
        "/%2e%2e/health",
        "//evil.example/",
        "/images/" + "a" * 8000 + ".png",
    ],
    ids=lambda path: path[:40],
)
def test_a_crafted_path_leads_nowhere(send: Send, path: str) -> None:
    answer = send("GET", path)

    assert answer.status == 404
    assert "set-cookie" not in answer.headers
    assert "location" not in answer.headers


# Pictures


def _bomb(width: int, height: int) -> str:
    """A PNG that claims these dimensions and holds ten thousand times its bytes in zeros."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10_000_000))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


def _with_text_bomb() -> str:
    """A whole PNG with a text that unpacks to a hundred megabytes."""
    whole, kind, data = png(1216, 1216), b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000))
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return base64.b64encode(whole[:33] + chunk + whole[33:]).decode()


PICTURES: dict[str, Callable[[], str]] = {
    "pixels": lambda: _bomb(65_535, 65_535),
    "most pixels": lambda: _bomb(2**31 - 1, 2**31 - 1),
    "no pixels": lambda: _bomb(0, 0),
    "text": _with_text_bomb,
    "WebP": lambda: base64.b64encode(b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(100)).decode(),
    "JPEG": lambda: base64.b64encode(b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + bytes(100)).decode(),
    "GIF": lambda: base64.b64encode(b"GIF89a\xff\xff\xff\xff" + bytes(100)).decode(),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_decompression_bomb_from_a_model_is_no_image(send: Send, bedrock: FakeBedrock, kind: str) -> None:
    bedrock.enqueue({"images": [PICTURES[kind]()], "seeds": [42], "finish_reasons": [None]})

    answer = send("POST", "/generate", FOX | {"model": "core"})

    assert (answer.status, answer.json["code"]) == (502, "model_error")


# HTML


@pytest.mark.parametrize(
    "html", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>']
)
def test_html_comes_back_as_json_only(send: Send, html: str) -> None:
    answers: list[Any] = [
        send("POST", "/generate", {"text": html, html: 1}),
        send("POST", "/generate", {"text": html, "model": html}),
        send("GET", f"/{html}"),
        send("GET", f"/images?cursor={html}"),
    ]
    for answer in answers:
        assert answer.status in {400, 404}
        assert answer.headers["content-type"] in {"application/problem+json", "application/json"}
        json.loads(answer.text)


def test_an_address_with_a_query_or_of_another_scheme_is_no_base_url() -> None:
    from local.deployment import check  # noqa: PLC0415 - only here
    from local.errors import StackError  # noqa: PLC0415

    check({"ApiBaseUrl": "https://images.example/v2"})
    for address in ("javascript:alert(1)", "https://images.example/?x=", 'https://images.example/"', "images.example"):
        with pytest.raises(StackError):
            check({"ApiBaseUrl": address})
    assert Settings.from_environment(ENVIRONMENT).api_base_url == ""
