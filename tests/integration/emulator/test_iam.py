"""Signed calls are checked by IAM first; here a fake IAM with a fixed answer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.emulator.testing import running_emulator
from tests.integration.emulator.front_door import CORE, PROFILE, Emulator

BODY = {"prompt": "a cat"}
DENIED = {"__type": "AccessDeniedException", "message": "User: arn:x is not authorized to perform: bedrock:InvokeModel"}


class Judge(ThreadingHTTPServer):
    """A fake IAM that answers with the current verdict and records the calls."""

    status, headers, body = 200, {"Content-Type": "application/json"}, b"{}"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def decide(self, status: int, body: dict[str, str], **headers: str) -> None:
        self.status, self.body = status, json.dumps(body).encode()
        self.headers = {"Content-Type": "application/json"} | headers


class _Handler(BaseHTTPRequestHandler):
    server: Judge

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append({"path": self.path, "headers": self.headers.items(), "body": body})
        self.send_response(self.server.status)
        for name, value in {**self.server.headers, "Content-Length": str(len(self.server.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def judged(judge: Judge) -> Iterator[Emulator]:
    with running_emulator(iam_url=judge.url, profiles={PROFILE: CORE}) as url:
        emulator = Emulator(url)
        with emulator.http:
            emulator.configure(native_size=[64, 64])
            yield emulator


def test_an_allowed_call_continues(judge: Judge, judged: Emulator) -> None:
    assert len(judged.invoke(CORE, BODY)["images"]) == 1
    assert len(judge.asked) == 1


@pytest.mark.parametrize("model", [CORE, PROFILE])
def test_the_call_is_forwarded_unchanged(judge: Judge, judged: Emulator, model: str) -> None:
    url = f"{judged.url}/model/{model.replace(':', '%3A').replace('/', '%2F')}/invoke"
    request = AWSRequest("POST", url, headers={"X-Extra": "as it is"}, data=json.dumps(BODY))
    SigV4Auth(Credentials("key", "secret"), "bedrock", "us-west-2").add_auth(request)
    sent = dict(request.headers)
    judged.http.post(url, content=json.dumps(BODY), headers=sent).raise_for_status()
    (asked,) = judge.asked
    received = {name.lower(): value for name, value in asked["headers"]}
    assert judged.url + asked["path"] == url
    assert asked["body"] == json.dumps(BODY).encode()
    assert received["host"] == judged.url.removeprefix("http://")
    assert {name: received[name.lower()] for name in sent} == sent


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (403, "AccessDeniedException"),
        (403, "UnrecognizedClientException"),
        (403, "InvalidSignatureException"),
        (403, "ExpiredTokenException"),
        (400, "IncompleteSignatureException"),
        (401, "MissingAuthenticationTokenException"),
    ],
)
def test_a_refusal_is_returned_unchanged(judge: Judge, judged: Emulator, status: int, name: str) -> None:
    judge.decide(status, DENIED, **{"x-amzn-ErrorType": name})
    with pytest.raises(ClientError) as refused:
        judged.invoke(CORE, BODY)
    assert refused.value.response["Error"]["Code"] == name
    assert refused.value.response["Error"]["Message"] == DENIED["message"]
    (call,) = judged.calls()
    assert (call["model"], call["status"], call["images"]) == (CORE, status, 0)


@pytest.mark.parametrize(
    ("status", "name"), [(400, "ValidationException"), (404, "ResourceNotFoundException"), (500, "InternalError")]
)
def test_other_errors_of_the_mock_are_ignored(judge: Judge, judged: Emulator, status: int, name: str) -> None:
    judge.decide(status, {"message": "Body must be a JSON object."}, **{"x-amzn-ErrorType": name})
    assert len(judged.invoke(CORE, BODY)["images"]) == 1


def test_an_unsigned_call_is_not_checked(judge: Judge, judged: Emulator) -> None:
    judge.decide(403, DENIED)
    judged.http.post(f"/model/{CORE}/invoke", json=BODY).raise_for_status()
    assert judge.asked == []


def test_an_unreachable_iam_is_an_error() -> None:
    with running_emulator(iam_url="http://127.0.0.1:9") as url:
        emulator = Emulator(url)
        with emulator.http:
            with pytest.raises(ClientError, match=r"IAM could not be asked at http://127\.0\.0\.1:9") as refused:
                emulator.invoke(CORE, BODY)
            assert [call["status"] for call in emulator.calls()] == [503]
    assert refused.value.response["Error"]["Code"] == "ServiceUnavailableException"
