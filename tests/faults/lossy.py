"""A proxy before MiniStack that loses answers of requests that were executed."""

import http.client
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

_OF_THE_CONNECTION = {"connection", "expect", "keep-alive", "transfer-encoding"}


@dataclass
class LossyProxy:
    """Loses that share of all answers; `lost` counts them by the AWS action or the HTTP method."""

    target: str
    rate: float
    chance: random.Random
    url: str = ""
    lost: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def loses(self, action: str) -> bool:
        with self._lock:
            is_lost = self.chance.random() < self.rate
            self.lost[action] += is_lost
        return is_lost


@contextmanager
def lossy(target: str, rate: float, seed: int) -> Iterator[LossyProxy]:
    """A proxy on a loopback port of its own, for as long as the context lasts."""
    proxy = LossyProxy(target, rate, random.Random(seed))  # noqa: S311 - faults that can be repeated
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: LossyProxy
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer, content = self._answered(body)
        if self.proxy.loses(self.headers.get("X-Amz-Target", self.command).rpartition(".")[2]):
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
