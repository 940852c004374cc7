"""Sends a POST to an address that a caller chose.

The name is resolved once, and the connection goes to the address that was checked, so the name cannot change in
between. TLS checks the certificate for the name. Redirects are not followed, and the answer's body is not read.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException, HTTPSConnection
from ipaddress import ip_address
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from net.addresses import Network, may_reach

MAX_HEAD_BYTES = 16_384
"""Of an answer's status line and headers."""

Resolve = Callable[[str, int], Sequence[str]]
"""From a host's name and a port to its addresses. Raises OSError."""


class HttpsError(Exception):
    """No answer came. `code` says why, in a word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def resolved(host: str, port: int) -> Sequence[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class Https:
    """`networks` may be reached although they are not public, and certificates may be signed by the `authorities` in
    that file besides the system's: for a laptop."""

    networks: Sequence[Network] = ()
    authorities: str = ""
    resolve: Resolve = resolved
    clock: Callable[[], float] = time.monotonic

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> int:
        """The answer's status, within so many seconds in all. Raises HttpsError."""
        parts, limit = urlsplit(url), _Limit(self.clock, self.clock() + seconds)
        host, port = parts.hostname or "", parts.port or 443
        with _failing(), closing(self._connected(host, port, limit)) as connection:
            request = HTTPSConnection(host, port, context=self._context)
            request.sock = _Bounded(connection, limit)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            request.request("POST", target, body, {**headers, "Connection": "close"})
            return request.getresponse().status

    def may_be_reached(self, host: str) -> bool:
        """False for an address that is refused; a name is not resolved."""
        try:
            return may_reach(ip_address(host), self.networks)
        except ValueError:
            return True

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.authorities:
            context.load_verify_locations(self.authorities)
        return context

    def _connected(self, host: str, port: int, limit: "_Limit") -> ssl.SSLSocket:
        plain = _connected(self._checked(host, port, limit), port, limit)
        try:
            secure = self._context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        except BaseException:
            plain.close()
            raise
        secure.settimeout(limit.left())
        with _closed_on_error(secure):
            secure.do_handshake()
        return secure

    def _checked(self, host: str, port: int, limit: "_Limit") -> Sequence[str]:
        addresses = _in_time(lambda: self.resolve(host, port), limit)
        if not addresses or not all(may_reach(ip_address(each), self.networks) for each in addresses):
            raise HttpsError("address_refused")
        return addresses


@dataclass(frozen=True)
class _Limit:
    """A limit for everything together: each wait gets what is left."""

    clock: Callable[[], float]
    until: float

    def left(self) -> float:
        """Raises TimeoutError when nothing is left."""
        left = self.until - self.clock()
        if left <= 0:
            raise TimeoutError
        return left


@dataclass(frozen=True)
class _Bounded:
    """A connection as http.client uses it, with the limit and without more of an answer than its head."""

    connection: ssl.SSLSocket
    limit: _Limit

    def sendall(self, data: Any) -> None:  # noqa: ANN401 - http.client's own signature
        rest = memoryview(data)
        while rest:
            self.connection.settimeout(self.limit.left())
            rest = rest[self.connection.send(rest) :]

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_Head(self.connection, self.limit))

    def close(self) -> None:
        self.connection.close()


class _Head(io.RawIOBase):
    def __init__(self, connection: ssl.SSLSocket, limit: _Limit) -> None:
        self.connection, self.limit, self.left = connection, limit, MAX_HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - io's own signature
        if self.left <= 0:
            raise HTTPException
        self.connection.settimeout(self.limit.left())
        count = self.connection.recv_into(buffer, min(len(buffer), self.left))
        self.left -= count
        return count


def _connected(addresses: Sequence[str], port: int, limit: _Limit) -> socket.socket:
    """A connection to the first address that accepts one; each gets its share of the time."""
    for place, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), limit.left() / (len(addresses) - place))
        except OSError:
            if place == len(addresses) - 1:
                raise
    raise HttpsError("name_not_found")


def _in_time(call: Callable[[], Sequence[str]], limit: _Limit) -> Sequence[str]:
    """The result of a call that has no time-out of its own."""
    future: Future[Sequence[str]] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(limit.left())


@contextmanager
def _closed_on_error(connection: ssl.SSLSocket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


_CODES: Sequence[tuple[type[Exception], str]] = (
    (ssl.SSLCertVerificationError, "certificate_invalid"),
    (ssl.SSLError, "tls_failed"),
    (TimeoutError, "timed_out"),
    (socket.gaierror, "name_not_found"),
    (UnicodeError, "name_not_found"),
    (OSError, "connection_failed"),
    (HTTPException, "answer_invalid"),
)
"""The first that fits is the code."""


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except tuple(kind for kind, _ in _CODES) as error:
        raise HttpsError(next(code for kind, code in _CODES if isinstance(error, kind))) from error
