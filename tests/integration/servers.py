"""Faulty servers."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from local.certificates import Authority


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def closing_server(answer: bytes, *, reads: bool = True) -> Iterator[str]:
    """Answers the first request, or the first connection, with these bytes and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, answer, reads))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _answer_once(server: socket.socket, answer: bytes, reads: bool) -> None:
    connection, _ = server.accept()
    with connection:
        if reads:
            _read_request(connection)
        connection.sendall(answer)


def _read_request(connection: socket.socket) -> bytes:
    """Read one request with its body; return nothing if the client closed the connection."""
    head, body = b"", b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(65536)
        if not received:
            return b""
        head += received
    head, _, body = head.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@dataclass
class Server:
    """What came in."""

    url: str
    connections: int = 0
    requests: int = 0


@contextmanager
def resetting_server(answer: bytes, answers_per_connection: int = 1) -> Iterator[Server]:
    """Answers a number of requests of each connection, and resets it at the next one, like an expired connection."""

    def converse(connection: socket.socket, server: Server) -> None:
        for _ in range(answers_per_connection):
            if not _read_request(connection):
                return
            server.requests += 1
            connection.sendall(answer)
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with _conversing_server("http", converse) as server:
        yield server


@contextmanager
def tls_breaking_server(folder: Path) -> Iterator[Server]:
    """Reads each request, and then breaks the TLS connection. Its certificate's authority is `ca.pem` in the folder."""
    authority = Authority.new()
    (folder / "ca.pem").write_text(authority.pem)

    def converse(encrypted: ssl.SSLSocket, _: bytes) -> None:
        with socket.socket(fileno=encrypted.detach()) as plain:
            plain.sendall(b"this is no TLS record")

    with https_server(authority.issued("127.0.0.1"), converse) as server:
        yield server


@contextmanager
def https_server(certificate: str, answer: Callable[[ssl.SSLSocket, bytes], None]) -> Iterator[Server]:
    """Reads a request from each connection, and answers it. The certificate and its key are in PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile("w") as file:
        file.write(certificate)
        file.flush()
        context.load_cert_chain(file.name)

    def converse(connection: socket.socket, server: Server) -> None:
        # A client may leave at any time.
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            if request := _read_request(encrypted):
                server.requests += 1
                answer(encrypted, request)

    with _conversing_server("https", converse) as server:
        yield server


@contextmanager
def _conversing_server(scheme: str, converse: Callable[[socket.socket, Server], None]) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                server.connections += 1
                threading.Thread(target=_converse, args=(converse, connection, server), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _converse(converse: Callable[[socket.socket, Server], None], connection: socket.socket, server: Server) -> None:
    with connection:
        converse(connection, server)
