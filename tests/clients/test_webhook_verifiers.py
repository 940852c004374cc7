"""Webhooks from the laptop stack to a real HTTPS receiver, verified by three libraries that others wrote."""

import json
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from local.certificates import Authority
from local.places import Places
from tests.clients.verifiers import ALL, NONE, said
from tests.e2e.laptop import Emulator, Stack, eventually
from tests.integration.servers import https_server


@dataclass
class Receiver:
    url: str = ""
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def answer(self, connection: ssl.SSLSocket, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        self.requests.append((headers, body.decode()))
        status = self.statuses.pop(0) if self.statuses else 204
        connection.sendall(f"HTTP/1.1 {status} Any\r\nContent-Length: 0\r\n\r\n".encode())

    def message(self, secret: str) -> dict[str, Any]:
        headers, body = self.requests[-1]
        return {"secret": secret, "headers": headers, "body": body}


@pytest.fixture
def api(stack: Stack, emulator: Emulator) -> Iterator[httpx.Client]:  # noqa: ARG001 - the emulator begins anew
    headers = {"x-api-key": stack.description["api_key"]}
    with httpx.Client(base_url=stack.description["api_url"], headers=headers, timeout=60, trust_env=False) as client:
        yield client
        client.delete("/webhooks")


@contextmanager
def receiving(stack: Stack, *statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(statuses=list(statuses))
    with https_server(Places(stack.folder).receiver.read_text(), receiver.answer) as server:
        receiver.url = f"{server.url}/hook"
        yield receiver


def start(api: httpx.Client, **fields: object) -> str:
    request = {"text": f"a fox {uuid.uuid4()}", "width": 512, "height": 512, **fields}
    accepted = api.post("/generate", json=request, headers={"Prefer": "respond-async"}).raise_for_status()
    return str(accepted.json()["id"])


def deliveries(api: httpx.Client, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/jobs/{job}/deliveries").raise_for_status().json()["deliveries"]
    return found


def delivered(api: httpx.Client, job: str) -> dict[str, Any]:
    return eventually(lambda: next((each for each in deliveries(api, job) if each["status"] != "pending"), None))


def rotated(api: httpx.Client, **body: int) -> str:
    return str(api.post("/webhooks/secret", json=body).raise_for_status().json()["secret"])


def test_a_receiver_verifies_what_it_gets(stack: Stack, api: httpx.Client) -> None:
    """It fails at first, and gets the same message again."""
    old, new = rotated(api), rotated(api)
    with receiving(stack, 500) as receiver:
        job = start(api, webhook_url=receiver.url)
        delivery = delivered(api, job)
    assert (delivery["status"], [each["status"] for each in delivery["attempts"]]) == ("delivered", [500, 204])
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {delivery["id"]}
    genuine = receiver.message(new)
    forged = genuine | {"body": genuine["body"].replace("completed", "failed")}
    stranger = genuine | {"secret": "whsec_" + "A" * 43 + "="}
    assert said(genuine, genuine | {"secret": old}, forged, stranger) == [ALL, ALL, NONE, NONE]

    message, shown = json.loads(genuine["body"]), api.get(f"/jobs/{job}").json()
    assert (message["type"], message["data"]["id"]) == ("generation.completed", shown["id"])
    assert "X-Amz" not in genuine["body"]
    link = message["data"]["result"]["details"][0]["link"]
    assert api.get(link).headers["location"].startswith("http")


def test_the_default_receives_and_a_new_secret_ends_the_old_one_at_once(stack: Stack, api: httpx.Client) -> None:
    old = rotated(api)
    with receiving(stack) as receiver:
        api.put("/webhooks", json={"url": receiver.url}).raise_for_status()
        new = rotated(api, overlap_hours=0)
        assert delivered(api, start(api))["status"] == "delivered"
    assert said(receiver.message(new), receiver.message(old)) == [ALL, NONE]


def test_a_receiver_with_another_certificate_gets_nothing(api: httpx.Client) -> None:
    rotated(api)
    receiver = Receiver()
    with https_server(Authority.new().issued("127.0.0.1"), receiver.answer) as server:
        job = start(api, webhook_url=server.url)
        tried = eventually(lambda: next((each for each in deliveries(api, job) if each["attempts"]), None))
    assert tried["attempts"][0]["error"] == "certificate_invalid"
    assert receiver.requests == []
