"""Lambda's own Python runtime (awslambdaric) with a fake Runtime API."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
ARN = "arn:aws:lambda:us-east-1:000000000000:function:api"


@dataclass
class RuntimeApi:
    """Serves events one by one and records their answers. `trace` is the trace header of each invocation."""

    url: str
    trace: str | None = None
    events: queue.SimpleQueue[tuple[object, object] | None] = field(default_factory=queue.SimpleQueue)
    answers: queue.SimpleQueue[tuple[str, Any]] = field(default_factory=queue.SimpleQueue)

    def invoke(self, event: object, client_context: object = None) -> tuple[str, Any]:
        """Invoke the function, and return `response` or `error` with the document."""
        self.events.put((event, client_context))
        return self.answers.get(timeout=60)


@contextmanager
def running_function(
    handler: str, environment: Mapping[str, str], output: Path, trace: str | None = None
) -> Iterator[RuntimeApi]:
    """A new execution environment, which writes stdout and stderr to the file."""
    with _runtime_api(trace) as api, output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=PROJECT,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": api.url, "PYTHONPATH": f"{PROJECT}/functions:{PROJECT}"},
            stdout=log,
            stderr=log,
        )
        try:
            yield api
        finally:
            process.kill()
            process.wait()


@contextmanager
def _runtime_api(trace: str | None) -> Iterator[RuntimeApi]:
    api = RuntimeApi("", trace)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """GET /2018-06-01/runtime/invocation/next waits for an event."""
            if invocation := api.events.get():
                event, client_context = invocation
                self._send(json.dumps(event).encode(), client_context)

        def _send(self, event: bytes, client_context: object) -> None:
            self.send_response(200)
            for name, value in _invocation_headers(api.trace, client_context).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(event)))
            self.end_headers()
            self.wfile.write(event)

        def do_POST(self) -> None:
            """POST …/invocation/{id}/response, …/error, and …/init/error."""
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            api.answers.put((self.path.rpartition("/")[2], document))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    api.url = f"127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        api.events.put(None)
        server.shutdown()
        thread.join()
        server.server_close()


def _invocation_headers(trace: str | None, client_context: object) -> Mapping[str, str]:
    return {
        "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 120) * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": ARN,
        "Content-Type": "application/json",
        **({"Lambda-Runtime-Trace-Id": trace} if trace else {}),
        **({"Lambda-Runtime-Client-Context": json.dumps(client_context)} if client_context else {}),
    }
