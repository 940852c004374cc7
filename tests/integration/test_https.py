"""Webhooks' requests, against real HTTPS servers with certificates of their own."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from local.certificates import Authority
from net.https import MAX_HEAD_BYTES, Https, HttpsError
from tests.fakes.clock import FakeClock
from tests.integration.servers import Server, closing_server, https_server, silent_server

HOST = "receiver.test"
LOOPBACK = [ip_network("127.0.0.0/8")]
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
SOON = 0.3
"""The limit where the receiver never ends; so long a test waits."""

Answer = Callable[[ssl.SSLSocket, bytes], None]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture
def authorities(authority: Authority, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    path.write_text(authority.pem)
    return str(path)


@pytest.fixture
def https(authorities: str) -> Https:
    """Resolves every name to loopback, and may go there."""
    return Https(LOOPBACK, authorities, lambda _host, _port: ["127.0.0.1"])


def sending(answer: bytes) -> Answer:
    return lambda connection, _: connection.sendall(answer)


def until_the_client_leaves(connection: ssl.SSLSocket, _: bytes) -> None:
    connection.recv(1)


@contextmanager
def receiver(authority: Authority, answer: Answer, name: str = HOST) -> Iterator[Server]:
    with https_server(authority.issued(name), answer) as server:
        yield server


def url(server: Server, host: str = HOST) -> str:
    return server.url.replace("127.0.0.1", host) + "/hook?token=1"


def post(https: Https, address: str, seconds: float = 10, body: bytes = b"{}") -> int:
    return https.post(address, {"Content-Type": "application/json"}, body, seconds)


def failure(https: Https, address: str, seconds: float = 10, body: bytes = b"{}") -> str:
    with pytest.raises(HttpsError) as failed:
        post(https, address, seconds, body)
    return failed.value.code


@pytest.mark.parametrize("status", [200, 204, 302, 410, 500])
def test_the_answer_is_the_status(https: Https, authority: Authority, status: int) -> None:
    head = f"HTTP/1.1 {status} Anything\r\nLocation: https://{HOST}/elsewhere\r\nContent-Length: 0\r\n\r\n"
    with receiver(authority, sending(head.encode())) as server:
        assert post(https, url(server)) == status
    assert server.requests == 1, "redirects are not followed"


def test_the_request_is_an_ordinary_post(https: Https, authority: Authority) -> None:
    seen: list[bytes] = []

    def answer(connection: ssl.SSLSocket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(NO_CONTENT)

    with receiver(authority, answer) as server:
        post(https, url(server), body=b'{"type":"any"}')
    head, _, body = seen[0].partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert first == "POST /hook?token=1 HTTP/1.1"
    port = server.url.rpartition(":")[2]
    assert {f"Host: {HOST}:{port}", "Content-Type: application/json", "Content-Length: 14"} <= set(headers)
    assert body == b'{"type":"any"}'


def test_an_address_in_the_url_needs_no_name(https: Https, authority: Authority) -> None:
    with receiver(authority, sending(NO_CONTENT), "127.0.0.1") as server:
        assert post(https, server.url) == 204


def test_the_answers_body_is_not_read(https: Https, authority: Authority) -> None:
    def endless(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))

    with receiver(authority, endless) as server:
        assert post(https, url(server)) == 200


@pytest.mark.parametrize(
    "answer",
    [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD_BYTES, b"HTTP/1.1 " + b"2" * MAX_HEAD_BYTES * 2],
    ids=["no HTTP", "many headers", "a long line"],
)
def test_a_strange_answer_is_none(https: Https, authority: Authority, answer: bytes) -> None:
    with receiver(authority, sending(answer)) as server:
        assert failure(https, url(server)) == "answer_invalid"


def test_a_receiver_that_never_answers_ends_with_the_time(https: Https, authority: Authority) -> None:
    with receiver(authority, until_the_client_leaves) as server:
        assert failure(https, url(server), SOON) == "timed_out"


def test_a_receiver_that_drips_ends_with_the_time(authorities: str, authority: Authority) -> None:
    clock = FakeClock()
    https = Https(LOOPBACK, authorities, lambda _host, _port: ["127.0.0.1"], clock)

    def drip(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            clock.advance(1)
            connection.sendall(b"y")

    with receiver(authority, drip) as server:
        assert failure(https, url(server)) == "timed_out"


def test_a_receiver_that_does_not_read_ends_with_the_time(https: Https, authority: Authority) -> None:
    with receiver(authority, until_the_client_leaves) as server:
        assert failure(https, url(server), SOON, bytes(50_000_000)) == "timed_out"


def test_a_receiver_without_a_handshake_ends_with_the_time(https: Https) -> None:
    with silent_server() as address:
        assert failure(https, address.replace("http:", "https:"), SOON) == "timed_out"


def test_a_name_server_that_never_answers_ends_with_the_time() -> None:
    waiting = threading.Event()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        waiting.wait()
        return ["127.0.0.1"]

    assert failure(Https(LOOPBACK, resolve=resolve), f"https://{HOST}/", SOON) == "timed_out"
    waiting.set()


def test_an_unknown_authority_is_refused(https: Https) -> None:
    with receiver(Authority.new(), sending(NO_CONTENT)) as server:
        assert failure(https, url(server)) == "certificate_invalid"
    assert server.requests == 0


def test_without_authorities_of_its_own_it_trusts_the_systems_only(authority: Authority) -> None:
    with receiver(authority, sending(NO_CONTENT)) as server:
        assert (
            failure(Https(LOOPBACK, resolve=lambda _host, _port: ["127.0.0.1"]), url(server)) == "certificate_invalid"
        )


def test_a_certificate_for_another_name_is_refused(https: Https, authority: Authority) -> None:
    with receiver(authority, sending(NO_CONTENT), "another.test") as server:
        assert failure(https, url(server)) == "certificate_invalid"
    assert server.requests == 0


def test_a_server_without_tls_is_refused(https: Https) -> None:
    with closing_server(NO_CONTENT, reads=False) as address:
        assert failure(https, address.replace("http:", "https:")) == "tls_failed"


def test_a_connection_that_is_refused_or_broken(https: Https, authority: Authority) -> None:
    with receiver(authority, lambda _connection, _request: None) as server:
        assert failure(https, url(server)) == "connection_failed"
    assert failure(https, url(server)) == "connection_failed"


def test_a_name_without_an_address() -> None:
    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror

    assert failure(Https(LOOPBACK, resolve=unknown), f"https://{HOST}/") == "name_not_found"
    assert failure(Https(LOOPBACK), f"https://{'a' * 64}.test/") == "name_not_found"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "169.254.170.2"),
        *("0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "192.88.99.1"),  # noqa: S104 - refused
        *("::", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "::ffff:8.8.8.8", "fe80::1", "fe80::1%lo", "fd00:ec2::254"),
        *("ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(socket, "create_connection", None)
    answers = [[address], ["8.8.8.8", address], [address, "2600::1"]]
    https = Https(resolve=lambda _host, _port: answers.pop())
    while answers:
        assert failure(https, f"https://{HOST}/") == "address_refused"
    assert not Https().may_be_reached(address)


def test_a_public_address_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[object] = []

    def connect(address: object, _timeout: float) -> socket.socket:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    public = ["8.8.8.8", "2600::1"]
    assert failure(Https(resolve=lambda _host, _port: public), f"https://{HOST}/") == "connection_failed"
    assert reached == [(address, 443) for address in public]


def test_localhost_is_refused() -> None:
    assert failure(Https(), "https://localhost/") == "address_refused"


def test_a_name_cannot_change_between_the_check_and_the_connection(
    authorities: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked up once, and the connection is to the address that was checked."""
    answers, connected, connect = [["127.0.0.1"], ["10.0.0.1"]], [], socket.create_connection

    def connection(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address[0])
        return connect(address, timeout)

    monkeypatch.setattr(socket, "create_connection", connection)
    https = Https(LOOPBACK, authorities, lambda _host, _port: answers.pop(0))
    with receiver(authority, sending(NO_CONTENT)) as server:
        assert post(https, url(server)) == 204
        assert (connected, len(answers)) == (["127.0.0.1"], 1)
        assert failure(https, url(server)) == "address_refused"
    assert connected == ["127.0.0.1"]


def test_the_next_address_is_tried(authorities: str, authority: Authority) -> None:
    https = Https(LOOPBACK, authorities, lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
    with receiver(authority, sending(NO_CONTENT)) as server:
        assert post(https, url(server)) == 204
