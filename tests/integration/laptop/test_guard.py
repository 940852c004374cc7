"""The guard of the laptop stack: what a web page may not do, in MiniStack, the emulator and the front's rules.

Programs send neither Origin nor Sec-Fetch-Site; each attack is tried first without them, to see that it would work.
"""

import base64
import json
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from local import guard, ministack
from local.guard import Request, refusal

OWN = "127.0.0.1:4566"
EVIL = {"origin": "http://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
FOREIGN = {
    "another site": EVIL,
    "another site, without Sec-Fetch-Site": {"origin": "http://evil.example"},
    "another site, without Origin": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    "another port of this machine": {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"},
    "a link in a mail": {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
    "a sandboxed frame": {"origin": "null", "sec-fetch-site": "cross-site"},
    "another name of this machine": {"origin": "http://localhost:4566", "sec-fetch-site": "cross-site"},
    "DNS rebinding": {
        "host": "evil.example:4566",
        "origin": "http://evil.example:4566",
        "sec-fetch-site": "same-origin",
    },
    "DNS rebinding, without Origin": {"host": "evil.example"},
    "DNS rebinding to a name that looks local": {"host": "localhost.evil.example"},
    "the address of all interfaces": {"host": "0.0.0.0:4566"},
    "a public address": {"host": "93.184.216.34"},
    "no name": {"host": ""},
    "a broken name": {"host": "[::1"},
}
OWN_PAGES_AND_PROGRAMS: dict[str, dict[str, str]] = {
    "a program": {},
    "an own page": {"origin": f"http://{OWN}", "sec-fetch-site": "same-origin"},
    "another name": {"host": "localhost:80", "origin": "http://localhost:80"},
    "a name for a bucket": {"host": "bucket.s3.localhost:4566"},
    "IPv6": {"host": "[::1]:4566"},
    "a container": {"host": "172.18.0.1:4566"},
    "a container on Docker Desktop": {"host": "host.docker.internal:4566"},
}
SIGNED = "X-Amz-Credential=a%2F20261126%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0"
LINK = f"/bucket/generated_images/3f0e.png?{SIGNED}"
FROM_A_MAIL = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
IMG = {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}


def asked(headers: Mapping[str, str], method: str = "POST", target: str = "/") -> Request:
    return Request(method, target, {"host": OWN, **headers})


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_pages_are_refused(case: str) -> None:
    assert refusal(asked(FOREIGN[case]))


@pytest.mark.parametrize("case", OWN_PAGES_AND_PROGRAMS)
def test_own_pages_and_programs_are_not(case: str) -> None:
    assert refusal(asked(OWN_PAGES_AND_PROGRAMS[case])) is None


@pytest.mark.parametrize("headers", [FROM_A_MAIL, IMG, EVIL, {"origin": "null"}], ids=repr)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_any_page_may_show_an_image_by_its_link(headers: dict[str, str], method: str) -> None:
    assert refusal(asked(headers, method, LINK), guard.is_image_link) is None
    assert refusal(asked(headers, method, f"/b/renditions/3f0e/w64.webp?{SIGNED}"), guard.is_image_link) is None


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", LINK),
        ("DELETE", LINK),
        ("POST", LINK),
        ("GET", LINK + "&Action=CreateUser"),
        ("GET", LINK.replace("s3%2F", "lambda%2F")),
        ("GET", LINK.partition("?")[0]),
        ("GET", LINK.partition("&X-Amz-Signature")[0]),
        ("GET", LINK.replace(".png", ".png/../../../_ministack/state")),
        ("GET", f"/bucket?{SIGNED}"),
        ("GET", f"/bucket/?list-type=2&{SIGNED}"),
        ("GET", f"/?Action=CreateStack&{SIGNED}"),
        ("GET", f"/2015-03-31/functions/f/code.png?{SIGNED}"),
        ("GET", f"/bucket/generated_images/../../_ministack/state.png?{SIGNED}"),
        ("GET", f"/bucket/generated_images/%2e%2e/x.png?{SIGNED}"),
    ],
)
@pytest.mark.parametrize("headers", [FROM_A_MAIL, IMG, EVIL], ids=repr)
def test_no_page_may_do_more_with_a_link(headers: dict[str, str], method: str, target: str) -> None:
    assert refusal(asked(headers, method, target), guard.is_image_link)


def test_a_link_may_lead_to_the_studio_and_the_docs_but_not_to_an_action() -> None:
    assert refusal(asked(FROM_A_MAIL, "GET"), guard.is_navigation) is None
    assert refusal(asked(FROM_A_MAIL, "POST"), guard.is_navigation)
    assert refusal(asked(EVIL, "GET"), guard.is_navigation)
    assert refusal(asked({**FROM_A_MAIL, "host": "evil.example"}, "GET"), guard.is_navigation)


def test_listed_origins_may_call_the_api() -> None:
    listed = ["https://app.example"]
    assert refusal(asked({"origin": "https://app.example", "sec-fetch-site": "cross-site"}), origins=listed) is None
    assert refusal(asked(EVIL), origins=listed)
    assert refusal(asked(EVIL), origins=["*"]) is None
    assert refusal(asked({"host": "evil.example", "origin": "https://app.example"}), origins=listed)


def send(address: str, method: str, path: str, headers: Mapping[str, str], body: str = "") -> httpx.Response:
    """Headers of a case are for the port 4566."""
    port = str(urlsplit(address).port)
    named = {name: value.replace("4566", port) for name, value in headers.items() if value}
    return httpx.request(method, f"{address}{path}", headers=named, content=body, trust_env=False)


def create_function(address: str, name: str, headers: Mapping[str, str]) -> httpx.Response:
    """Sign as MiniStack's root, with a signature that nobody computed."""
    credential = "Credential=000000000000/20261126/us-east-1/lambda/aws4_request"
    signed = {"authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"}
    function = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "evil.run",
        "Role": ROLE,
        "Code": {"ZipFile": ZIP},
    }
    return send(address, "POST", "/2015-03-31/functions", {**headers, **signed}, json.dumps(function))


def create_queue(address: str, name: str, headers: Mapping[str, str]) -> httpx.Response:
    return send(address, "GET", forged_link("", name), headers)


def forged_link(address: str, queue: str) -> str:
    """A link that makes a queue: MiniStack verifies no signature of its root."""
    forged = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "000000000000/20261126/us-east-1/sqs/aws4_request",
        "X-Amz-Date": "20261126T000000Z",
        "X-Amz-Expires": "3600",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0",
    }
    return f"{address}/?{urlencode({'Action': 'CreateQueue', 'QueueName': queue, **forged})}"


ROLE = "arn:aws:iam::000000000000:role/any"
ZIP = base64.b64encode(b"PK\5\6" + bytes(18)).decode()
REACHING_A_SERVER = [case for case in FOREIGN if case not in {"no name", "a broken name"}]


@pytest.fixture(scope="session")
def role(ministack_url: str) -> None:
    ministack.client("iam", ministack_url).create_role(RoleName="any", AssumeRolePolicyDocument="{}")


@pytest.mark.usefixtures("role")
def test_a_page_cannot_run_code_through_ministack(ministack_url: str) -> None:
    name = f"f{uuid.uuid4()}"

    for case in REACHING_A_SERVER:
        attacked = create_function(ministack_url, name, FOREIGN[case])
        assert (attacked.status_code, "refuses this request" in attacked.text) == (403, True), case
        assert "access-control-allow-origin" not in attacked.headers

    assert create_function(ministack_url, name, {}).status_code == 201, "the attack works without a page's headers"


def test_a_page_cannot_change_anything_in_ministack_with_a_link(ministack_url: str) -> None:
    name = f"q{uuid.uuid4()}"

    for headers in (FROM_A_MAIL, IMG, *(FOREIGN[case] for case in REACHING_A_SERVER)):
        assert create_queue(ministack_url, name, headers).status_code == 403, headers
    sqs = ministack.client("sqs", ministack_url)
    assert not sqs.list_queues(QueueNamePrefix=name).get("QueueUrls")

    assert create_queue(ministack_url, name, {}).status_code == 200, "the attack works without a page's headers"


@pytest.mark.parametrize("case", REACHING_A_SERVER)
@pytest.mark.parametrize(("method", "path"), [("POST", "/_control"), ("DELETE", "/_control/calls")])
def test_a_page_cannot_control_the_emulator(emulator_url: str, case: str, method: str, path: str) -> None:
    attacked = send(emulator_url, method, path, FOREIGN[case], '{"latency_ms": 1}')

    assert attacked.status_code == 403
    assert httpx.get(f"{emulator_url}/_control", trust_env=False).json()["latency_ms"] == 0
    assert send(emulator_url, method, path, {}, "{}").is_success, "the attack works without a page's headers"
