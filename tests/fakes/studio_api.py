"""A fake API whose jobs go through their states by a clock of its own."""

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
from urllib.parse import parse_qsl

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

    Jobs go through their states by the clock, unless `held` names the one that all of them are in; so many are `made`
    of a running one's images, and `waiting` is why a queued one is not worked at. With `one_seed` the images of a job
    are made from the same seed, by one call. While `awake` is not set, it accepts requests and answers none whose path
    begins with `hangs`; a `dead` one closes the connection. `clock_ahead` is by how much its clock is wrong. Links of
    answers do not work where they have `expired`; those that are asked for one by one do. An `older` one has no gallery
    and tells no progress.
    """

    awake: Event = field(default_factory=_set)
    hangs: str = "/"
    dead: bool = False
    older: bool = False
    expired: bool = False
    key: str = KEY
    clock_ahead: float = 0.0
    seconds: float = 0.0
    queued_seconds: float = 0.0
    held: str | None = None
    made: int = 0
    waiting: dict[str, Any] | None = None
    refusals: list[tuple[int, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    problem: dict[str, Any] | None = None
    problem_costs: float = 0.0
    blocked: tuple[int, ...] = ()
    warnings: list[dict[str, Any]] = field(default_factory=list)
    one_seed: bool = False
    poll: str = "0"
    cap_usd: float | None = 100.0
    titan: str = "active"
    earlier: list[dict[str, Any]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    requests: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: str = ""

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [request["body"] for request in self.requests if request["method"] == "POST"]

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked = json.loads(body) if body else None
        self.requests.append({"method": method, "path": path, "headers": headers, "body": asked})
        if path.startswith(self.hangs):
            self.awake.wait()
        if path.startswith("/pictures/"):
            return self._picture(path)
        if headers.get("x-api-key") != self.key:
            return self._problem(401, "unauthorized", "The API key is unknown.")
        if self.refusals and path.startswith(("/generate", "/jobs/")):
            status, told, more = self.refusals.pop(0)
            return self._json(status, told, more)
        return self._route(method, path, headers, asked)

    def make_earlier(self, number: int) -> None:
        """Add earlier images of the same key, newest first."""
        for age in range(1, number + 1):
            made_at = datetime.fromtimestamp(int(self._now()) - age * 3600 * 20, UTC)
            asked = {"width": 1024, "height": 768, "seed": 100 + age}
            facts = self._stored({"id": str(uuid.uuid4()), "asked": asked}, 0, 1)
            self.earlier.append(self._listed(facts, made_at, str(uuid.uuid4())))

    def _route(self, method: str, path: str, headers: dict[str, str], asked: Any) -> tuple[int, dict[str, str], bytes]:  # noqa: ANN401 - a request's body
        place, _, query = path.partition("?")
        lists = {"/models": self._models, "/usage": self._usage}
        if place in lists:
            return self._json(200, lists[place]())
        if place == "/images" and not self.older:
            return self._json(200, self._page(dict(parse_qsl(query))))
        if place.startswith("/images/"):
            name, _, extension = place.removeprefix("/images/").partition(".")
            return self._image(method, name, extension)
        if place == "/generate":
            return self._accept(headers["idempotency-key"], asked)
        job = self.jobs.get(place.removeprefix("/jobs/"))
        if job is None:
            return self._problem(404, "not_found", "There is no such job.")
        return self._cancel(job) if method == "DELETE" else self._json(200, self._told(job))

    def _picture(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if self.expired and "fresh" not in path:
            return 403, {"content-type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>"
        return 200, {"content-type": "image/png"}, picture(path.partition("?")[0])

    def _models(self) -> dict[str, Any]:
        titan = _model(TITAN, "Titan", "titan", 0.01, self.titan)
        return {"models": [titan, _model(CORE, "Stable Image Core 1.0", "core", 0.04)]}

    def _usage(self) -> dict[str, Any]:
        jobs = [job for job in self.jobs.values() if self._status(job) in {"succeeded", "failed"}]
        spent = sum(self.problem_costs if self._status(job) == "failed" else _cost(job) for job in jobs)
        return {
            "month": "2026-11",
            "spent_usd": 1.2 + spent,
            "reserved_usd": 0.0,
            "cap_usd": self.cap_usd,
            "images": 30,
        }

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        """Return a page; the cursor is the id of the previous page's last image, which may be deleted."""
        every = self._gallery()
        last = next((place for place, entry in enumerate(every) if entry["id"] == query.get("cursor")), -1)
        found = [entry for entry in every[last + 1 :] if entry["id"] not in self.deleted]
        page, rest = found[: int(query.get("limit", "24"))], found[int(query.get("limit", "24")) :]
        return {"images": page, "next_cursor": page[-1]["id"] if rest else None}

    def _gallery(self) -> list[dict[str, Any]]:
        newest_first = sorted(self.jobs.values(), key=self._age)
        succeeded = (job for job in newest_first if self._status(job) == "succeeded")
        return [entry for job in succeeded for entry in self._listed_of(job)] + self.earlier

    def _listed_of(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        made_at = datetime.fromtimestamp(int(self._now() - self._age(job)), UTC)
        stored = (detail for detail in self._details(job) if detail["status"] == "stored")
        return [self._listed(detail, made_at, job["id"]) for detail in stored]

    def _listed(self, detail: dict[str, Any], made_at: datetime, generation_id: str) -> dict[str, Any]:
        more = {"model": CORE, "generation_id": generation_id, "cost_usd": 0.04}
        return {**detail, "made_at": f"{made_at:%Y-%m-%dT%H:%M:%SZ}", **more}

    def _image(self, method: str, image_id: str, extension: str) -> tuple[int, dict[str, str], bytes]:
        made = [entry for job in self.jobs.values() for entry in self._details(job)[: self.made]]
        entry = next((entry for entry in self._gallery() + made if entry.get("id") == image_id), None)
        if entry is None or image_id in self.deleted or extension not in self._extensions():
            return self._problem(404, "not_found", "There is no such image.")
        if method == "DELETE":
            self.deleted.add(image_id)
            return 204, {}, b""
        return 302, {"location": f"{entry['url']}?fresh&X-Amz-Date={self._signed()}&X-Amz-Expires=1800"}, b""

    def _extensions(self) -> set[str]:
        return {"png"} if self.older else {"png", "jpg", "webp"}

    def _signed(self) -> str:
        return f"{datetime.fromtimestamp(self._now(), UTC):%Y%m%dT%H%M%SZ}"

    def _accept(self, key: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        job_id = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
        if (job := self.jobs.get(job_id)) and self._status(job) == "succeeded":
            return self._json(200, self._result(job), {"idempotent-replayed": "true"})
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
        if self.held:
            return self.held
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
            "attempts": 0 if status == "queued" and not self.waiting else 1,
            "result": self._result(job) if status == "succeeded" or (status == "cancelled" and self.made) else None,
            "problem": self.problem if status == "failed" else None,
            **({} if self.older else {"progress": self._progress(job), "waiting": self.waiting}),
        }

    def _progress(self, job: dict[str, Any]) -> dict[str, Any]:
        made = [{**detail, "index": place} for place, detail in enumerate(self._details(job)[: self.made])]
        return {"requested": job["asked"].get("number_of_images", 1), "made": len(made), "details": made}

    def _result(self, job: dict[str, Any]) -> dict[str, Any]:
        details = self._details(job)
        stored = [detail["url"] for detail in details if detail["status"] == "stored"]
        return {
            "message": "Images generated successfully",
            "images": stored,
            "id": job["id"],
            "model": job["asked"].get("model") or CORE,
            "cost_usd": _cost(job),
            "details": details,
            "warnings": self.warnings,
        }

    def _details(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        number = job["asked"].get("number_of_images", 1)
        return [self._detail(job, place, number) for place in range(number)]

    def _detail(self, job: dict[str, Any], place: int, number: int) -> dict[str, Any]:
        stored = self._stored(job, place, number)
        if place in self.blocked:
            return {
                "status": "blocked",
                "reason": "The content filter withheld this image.",
                "seed": stored["seed"],
            }
        if job["cancelled"] and place >= self.made:
            return {"status": "failed", "reason": "The job was cancelled before this.", "seed": stored["seed"]}
        if stored["id"] in self.deleted:
            return {"id": stored["id"], "status": "deleted", "seed": stored["seed"]}
        return stored

    def _stored(self, job: dict[str, Any], place: int, number: int) -> dict[str, Any]:
        seed = (job["asked"].get("seed") or 7) + (0 if self.one_seed else place)
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
            "bytes": len(picture(f"/{width}x{height}-{seed}.png")),
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
    """Return a PNG with the size and the seed of its path."""
    size, _, seed = path.rpartition("/")[2].removesuffix(".png").partition("-")
    width, height = map(int, size.split("x"))
    written = io.BytesIO()
    Image.new("RGB", (width, height), (int(seed) * 37 % 256, 120, 160)).save(written, "PNG")
    return written.getvalue()


@contextmanager
def served(api: FakeApi) -> Iterator[str]:
    """Serve the fake at a real address."""
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
            if api.dead:
                self.close_connection = True
                return
            status, answered, content = api.answer(self.command, self.path, headers, body)
            self.send_response_only(status)
            for name, value in {**answered, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            # The client may have closed the connection.
            with suppress(ConnectionError):
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the names that the base class looks for

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _cost(job: dict[str, Any]) -> float:
    cost: float = 0.04 * job["asked"].get("number_of_images", 1)
    return cost


def _model(model_id: str, name: str, alias: str, price: float, state: str = "active") -> dict[str, Any]:
    return {
        "id": model_id,
        "name": name,
        "aliases": [alias],
        "lists": ["standard"],
        "price_usd": price,
        "lifecycle": {"state": state},
        "refused": None,
        "limits": {"cfg_scale": [1.1, 10]},
    }
