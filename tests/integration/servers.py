"""Faulty servers."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def closing_server(answer: bytes) -> Iterator[str]:
    """Answers the first request with these bytes and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, answer))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        _read_request(connection)
        connection.sendall(answer)


def _read_request(connection: socket.socket) -> bool:
    """Read one request with its body; return False if the client closed the connection."""
    head, body = b"", b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(65536)
        if not received:
            return False
        head += received
    head, _, body = head.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return True


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
    """Reads each request, and then breaks the TLS connection. The certificate is `ca.pem` in the folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))

    def converse(connection: socket.socket, server: Server) -> None:
        with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True) as encrypted:
            if _read_request(encrypted):
                server.requests += 1
                plain = socket.socket(fileno=encrypted.detach())
                with plain:
                    plain.sendall(b"this is no TLS record")

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


def _certificate(folder: Path) -> Path:
    """A new key and a certificate for loopback, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "ca.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
