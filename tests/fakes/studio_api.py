"""The API as the studio sees it: jobs that go through their states, by a clock of its own."""

import email.utils
import io
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from PIL import Image

KEY = "the-key-of-the-tests"
CORE = "stability.stable-image-core-v1:1"
TITAN = "amazon.titan-image-generator-v2:0"


def _set() -> Event:
    event = Event()
    event.set()
    return event


@dataclass
class FakeApi:
    """`seconds` is what the model takes; `refusals` are answered first, one each; `blocked` are missing images.

    With `one_seed` the images of a job are made from the same seed, by one call.
    While `awake` is not set, it accepts requests and answers none. `clock_ahead` is by how much its clock is wrong.
    """

    awake: Event = field(default_factory=_set)
    clock_ahead: float = 0.0
    seconds: float = 0.0
    queued_seconds: float = 0.0
    refusals: list[tuple[int, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    problem: dict[str, Any] | None = None
    blocked: tuple[int, ...] = ()
    warnings: list[dict[str, Any]] = field(default_factory=list)
    one_seed: bool = False
    poll: str = "0"
    requests: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: str = ""

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [request["body"] for request in self.requests if request["method"] == "POST"]

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked = json.loads(body) if body else None
        self.requests.append({"method": method, "path": path, "headers": headers, "body": asked})
        self.awake.wait()
        if path.startswith("/pictures/"):
            return 200, {"content-type": "image/png"}, picture(path)
        if headers.get("x-api-key") != KEY:
            return self._problem(401, "unauthorized", "The API key is unknown.")
        if self.refusals and not path.startswith("/models"):
            status, told, more = self.refusals.pop(0)
            return self._json(status, told, more)
        return self._route(method, path, headers, asked)

    def _route(self, method: str, path: str, headers: dict[str, str], asked: Any) -> tuple[int, dict[str, str], bytes]:  # noqa: ANN401 - a request's body
        if path.startswith("/models"):
            return self._json(
                200, {"models": [_model(TITAN, "Titan", 0.01), _model(CORE, "Stable Image Core 1.0", 0.04)]}
            )
        if path == "/generate":
            return self._accept(headers["idempotency-key"], asked)
        job = self.jobs.get(path.removeprefix("/jobs/"))
        if job is None:
            return self._problem(404, "not_found", "There is no such job.")
        return self._cancel(job) if method == "DELETE" else self._json(200, self._told(job))

    def _accept(self, key: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        job_id = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
        self.jobs.setdefault(job_id, {"id": job_id, "asked": asked, "since": time.monotonic(), "cancelled": False})
        return self._json(202, self._told(self.jobs[job_id]), {"retry-after": self.poll})

    def _cancel(self, job: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if self._status(job) != "queued":
            return self._problem(409, "not_cancellable", "The job has begun.")
        job["cancelled"] = True
        return self._json(200, self._told(job))

    def _status(self, job: dict[str, Any]) -> str:
        passed = self._age(job)
        if job["cancelled"]:
            return "cancelled"
        if passed < self.queued_seconds:
            return "queued"
        if passed < self.queued_seconds + self.seconds:
            return "running"
        return "failed" if self.problem else "succeeded"

    def _told(self, job: dict[str, Any]) -> dict[str, Any]:
        status = self._status(job)
        return {
            "id": job["id"],
            "status": status,
            "created_at": datetime.fromtimestamp(int(self._now() - self._age(job)), UTC).isoformat(),
            "attempts": 1,
            "result": self._result(job) if status == "succeeded" else None,
            "problem": self.problem if status == "failed" else None,
        }

    def _result(self, job: dict[str, Any]) -> dict[str, Any]:
        number = job["asked"].get("number_of_images", 1)
        details = [self._detail(job, place, number) for place in range(number)]
        stored = [detail["url"] for detail in details if detail["status"] == "stored"]
        return {
            "message": "Images generated successfully",
            "images": stored,
            "id": job["id"],
            "model": job["asked"].get("model") or CORE,
            "cost_usd": 0.04 * number,
            "details": details,
            "warnings": self.warnings,
        }

    def _detail(self, job: dict[str, Any], place: int, number: int) -> dict[str, Any]:
        seed = (job["asked"].get("seed") or 7) + (0 if self.one_seed else place)
        if place in self.blocked:
            return {"status": "blocked", "reason": "The content filter withheld this image.", "seed": seed}
        width, height = job["asked"]["width"], job["asked"]["height"]
        image_id = str(uuid.uuid5(uuid.UUID(job["id"]), str(place)))
        return {
            "id": image_id,
            "status": "stored",
            "url": f"{self.url}/pictures/{width}x{height}-{seed}.png",
            "link": f"{self.url}/images/{image_id}.png",
            "caption": f"Image {place + 1} of {number}",
            "width": width,
            "height": height,
            "seed": seed,
            **({"seed_index": place} if self.one_seed else {}),
        }

    def _age(self, job: dict[str, Any]) -> float:
        age: float = time.monotonic() - job["since"]
        return age

    def _now(self) -> float:
        return time.time() + self.clock_ahead

    def _problem(self, status: int, code: str, detail: str) -> tuple[int, dict[str, str], bytes]:
        return self._json(status, problem(status, code, detail))

    def _json(
        self, status: int, body: dict[str, Any], more: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {
            "content-type": "application/json",
            "date": email.utils.formatdate(self._now(), usegmt=True),
            "x-request-id": "the-request-id",
        }
        return status, headers | (more or {}), json.dumps(body).encode()


def problem(status: int, code: str, detail: str) -> dict[str, Any]:
    return {"status": status, "code": code, "title": code, "detail": detail, "request_id": "the-request-id"}


def picture(path: str) -> bytes:
    """A PNG of the size and in a colour of the seed that its path tells."""
    size, _, seed = path.rpartition("/")[2].removesuffix(".png").partition("-")
    width, height = map(int, size.split("x"))
    written = io.BytesIO()
    Image.new("RGB", (width, height), (int(seed) * 37 % 256, 120, 160)).save(written, "PNG")
    return written.getvalue()


@contextmanager
def served(api: FakeApi) -> Iterator[str]:
    """The fake behind a real address, for whoever cannot be given a transport."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api.url
    finally:
        api.awake.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answered, content = api.answer(self.command, self.path, headers, body)
            self.send_response_only(status)
            for name, value in {**answered, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            # Who was kept waiting may have gone.
            with suppress(ConnectionError):
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the names that the base class looks for

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _model(model_id: str, name: str, price: float) -> dict[str, Any]:
    return {
        "id": model_id,
        "name": name,
        "lists": ["standard"],
        "price_usd": price,
        "lifecycle": {"state": "active"},
        "refused": None,
        "limits": {"cfg_scale": [1.1, 10]},
    }
