"""A proxy before a service that passes each request and its answer on unchanged."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import urlsplit

_OF_THE_CONNECTION = {"connection", "expect", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Exchange:
    """A request that the service has executed, and its answer. `action` is the AWS action or the HTTP method."""

    method: str
    path: str
    action: str
    status: int
    body: bytes


@dataclass
class Proxy:
    """Forwards to `target`, from the address `url`."""

    target: str
    url: str = ""

    def delivers(self, exchange: Exchange) -> bool:  # noqa: ARG002 - subclasses look at it
        """Whether the caller receives the answer; else the connection is closed."""
        return True


AnyProxy = TypeVar("AnyProxy", bound=Proxy)


@contextmanager
def running(proxy: AnyProxy) -> Iterator[AnyProxy]:
    """The proxy on a loopback port of its own, for as long as the context lasts."""
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        answer, content = self._answered(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        action = self.headers.get("X-Amz-Target", self.command).rpartition(".")[2]
        if not self.proxy.delivers(Exchange(self.command, self.path, action, answer.status, content)):
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_THE_CONNECTION | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", self._length(answer, content))
        self.end_headers()
        self.wfile.write(content)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _forward  # noqa: N815 - http.server's names

    def _answered(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        # The Host header is signed, so it is forwarded unchanged.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        connection = http.client.HTTPConnection(urlsplit(self.proxy.target).netloc, timeout=60)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def _length(self, answer: http.client.HTTPResponse, content: bytes) -> str:
        is_head = self.command == "HEAD"
        return answer.getheader("Content-Length", "0") if is_head else str(len(content))

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - http.server's signature
        pass
