"""Clients of the API: by every door, with and without idempotency keys. Each checks its answers."""

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from imaging.errors import ImagingError
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from tests.fakes.lambda_runtime import http_event
from tests.simulation import pictures
from tests.simulation.deployment import Deployment, Died, Raised
from tests.simulation.scheduler import Process
from tests.simulation.world import World

GATEWAY_SECONDS = 29
DIRECT = "direct"
MOST_TRIES = 6

NO_HEADERS: Mapping[str, str] = {}

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """`status` 0 means that the connection broke. `process` is the function that answered."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def is_final(self) -> bool:
        """Whether a client would not retry."""
        return 0 < self.status < 500 and self.status not in {402, 409, 429}


@dataclass(eq=False)
class Order:
    """What a client wants, and what it got for it. Accepted jobs are noted by id and time, because a later request may
    have the same id."""

    name: str
    caller: str
    body: Body
    key: str | None = None
    is_random: bool = False
    sent_at: list[float] = field(default_factory=list)
    got_at: float = math.inf
    accepted: set[tuple[str, int]] = field(default_factory=set)
    cancels: set[str] = field(default_factory=set)
    delivered: set[str] = field(default_factory=set)
    generations: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        return str(self.body.get("text", self.body.get("prompt")))


@dataclass(eq=False)
class Api:
    """The deployment as clients see it: API Gateway in front, and a network that loses answers."""

    world: World
    deployment: Deployment
    lost_answers: float
    orders: list[Order] = field(default_factory=list)

    def order(self, name: str, caller: str, body: Body, key: str | None = None, *, is_random: bool = False) -> Order:
        order = Order(name, caller, body, key, is_random)
        self.orders.append(order)
        return order

    def send(self, order: Order, method: str, path: str, body: Body | None = None, **headers: str) -> Answer:
        """Send an HTTP request."""
        text = None if body is None else json.dumps(body)
        event = http_event(method, path, text, caller=order.caller, **headers)
        order.sent_at.append(self.world.now)
        self.world.log(f"{order.name}: {method} {path} {headers or ''}")
        answer = self._answered(self.deployment.api(event), GATEWAY_SECONDS)
        code = _code(answer.body)
        self.world.log(f"{order.name}: {method} {path[:18]} -> {answer.status} {code or ''}")
        self.world.seen[f"{method} {answer.status} {code}".strip()] += 1
        self._believe(order, answer)
        self._waited_for_itself(order, code)
        return answer

    def invoke(self, order: Order) -> Answer:
        """Invoke the function directly."""
        self.world.log(f"{order.name}: direct invocation")
        event = {**order.body, "idempotency_key": order.key} if order.key else dict(order.body)
        signal = self.deployment.api(event)
        signal.wait()
        match signal.value:
            case Raised(error):
                self.world.expect(isinstance(error, ImagingError), f"a direct invocation raised {error!r}")
                code = getattr(error, "code", "")
                self.world.log(f"{order.name}: raised {code}")
                return Answer(503 if getattr(error, "may_pass", False) else 400, {}, {"code": code})
            case Died():
                return Answer(0)
        answer = Answer(200, {}, signal.value)
        self._believe(order, answer)
        return answer

    def _answered(self, signal: Any, seconds: float) -> Answer:  # noqa: ANN401 - a Signal
        if not signal.wait(seconds):
            return Answer(504)
        if self.world.random.random() < self.lost_answers and self.world.now < self.world.weather.calm_at:
            self.world.log("the answer is lost on its way")
            return Answer(0)
        match signal.value:
            case Died():
                return Answer(502)
            case Raised(error):
                self.world.violated(f"the HTTP door raised {error!r}")
        told: dict[str, Any] = signal.value
        headers = {name.lower(): ",".join(values) for name, values in told["multiValueHeaders"].items()}
        body = json.loads(told["body"]) if told.get("body") else None
        self.world.expect(
            _code(body) != "internal_error" or told["statusCode"] < HTTPStatus.INTERNAL_SERVER_ERROR, f"a bug: {body}"
        )
        return Answer(told["statusCode"], headers, body)

    def _believe(self, order: Order, answer: Answer) -> None:
        """Check the images of an answer."""
        if not isinstance(answer.body, dict):
            return
        if "idempotent-replayed" in answer.headers:
            self._is_remembered(order, answer.body["id"])
        if answer.status == HTTPStatus.ACCEPTED:
            at = datetime.fromisoformat(answer.body["created_at"]).timestamp()
            order.accepted.add((answer.body["id"], int(at)))
        texts = self._texts(order) if answer.body.get("links") else {order.text}
        result = answer.body.get("result") or answer.body
        if "id" in result and ("details" in result or "data" in result):
            order.generations.add(result["id"])
        for detail in [*result.get("details", ()), *result.get("data", ())]:
            if detail.get("url"):
                self.look_at(order, detail, texts)
        for detail in (answer.body.get("progress") or {}).get("details", ()):
            self.look_at(order, detail, texts)

    def _is_remembered(self, order: Order, generation: str) -> None:
        """Whether the request is replayed: without a key for the deduplication time only."""
        self.world.seen["replayed"] += 1
        record = self.deployment.table.main.records.get(f"generation#{generation}")
        if record and order.key is None and not order.is_random:
            seconds = self.deployment.settings.deduplication_minutes * 60 + GATEWAY_SECONDS
            age = self.world.now - record["ended_at"]
            self.world.expect(age <= seconds, f"{order.name}: {generation} is remembered after {age:.0f} s")

    def _waited_for_itself(self, order: Order, code: str) -> None:
        """Check that only the same request waits; another one with its key is refused at once."""
        if code == "in_progress" and order.key is not None:
            submission = Submission.keyed(GenerationRequest.model_validate(order.body), order.caller, order.key)
            known = self.deployment.bedrock.book.hashes[submission.generation_id]
            self.world.expect(submission.request_hash in known, f"{order.name} waited for another request")

    def look_at(self, order: Order, detail: Mapping[str, Any], texts: Collection[str]) -> None:
        """Follow a link: the picture must exist and be made from one of these texts."""
        name = detail["id"]
        self.world.expect(detail["url"].endswith(f"/{name}"), f"{detail['url']} is no link to {name}")
        order.delivered.add(name)
        order.got_at = min(order.got_at, self.world.now)
        stored = self.deployment.bucket.objects.get(name)
        if stored is None:
            self.world.expect(name in self.deployment.bucket.deleted, f"{order.name}: the link to {name} leads nowhere")
            return
        facts = pictures.facts(stored.png)
        self.world.expect(facts["prompt"] in texts, f"{order.name} got an image of {facts['prompt']!r}")
        self.world.expect(facts["seed"] == detail["seed"], f"{order.name}: {name} has seed {facts['seed']}: {detail}")
        owners = self.owners(name)
        self.world.expect(owners <= {order.caller}, f"{order.name}: {name} belongs to {owners}")

    def _texts(self, order: Order) -> set[str]:
        """Of whoever used the same key: a job's id follows from it, so it is the last one's."""
        others = (other for other in self.orders if other.caller == order.caller and other.key == order.key)
        return {order.text, *(other.text for other in others if order.key)}

    def owners(self, name: str) -> set[str]:
        return {about.owner for call in self.deployment.bedrock.book.calls if name in (about := call.about).image_ids}


@dataclass(eq=False)
class Client:
    """The behaviour of one client, in its own task."""

    api: Api
    order: Order
    tries: int = MOST_TRIES

    @property
    def world(self) -> World:
        return self.api.world

    def pause(self, answer: Answer) -> None:
        wanted = float(answer.headers.get("retry-after", 1))
        self.world.sleep(wanted * self.world.random.uniform(0.5, 3))

    def until_final(self, send: Callable[[int], Answer]) -> Answer:
        """Send the request, and retry broken connections and transient errors."""
        answer = Answer(0)
        for tries in range(self.tries):
            answer = send(tries)
            if answer.is_final:
                return answer
            self.pause(answer)
        return answer

    def synchronous(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.until_final(lambda _: self.post(**headers))

    def direct(self) -> None:
        self.until_final(lambda _: self.api.invoke(self.order))

    def openai(self) -> None:
        """Retry as OpenAI's SDK does, with a retry count."""
        self.until_final(
            lambda tries: self.api.send(
                self.order, "POST", "/v1/images/generations", self.order.body, x_stainless_retry_count=str(tries)
            )
        )

    def job(self, cancel_after: float | None = None, polls: int = 3, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Create a job, poll it, and perhaps cancel it."""
        answer = self.until_final(lambda _: self.post(prefer="respond-async", **headers))
        if answer.status != HTTPStatus.ACCEPTED:
            return
        job = answer.body["id"]
        if cancel_after is not None:
            self.world.sleep(cancel_after)
            self.order.cancels.add(job)
            self.until_final(partial(self._send, "DELETE", f"/jobs/{job}"))
        for _ in range(polls):
            self.world.sleep(self.world.random.uniform(1, 200))
            self.api.send(self.order, "GET", f"/jobs/{job}")

    def post(self, **headers: str) -> Answer:
        named = {"idempotency_key": self.order.key} if self.order.key else {}
        return self.api.send(self.order, "POST", "/generate", self.order.body, **named, **headers)

    def _send(self, method: str, path: str, _tries: int) -> Answer:
        return self.api.send(self.order, method, path)

    def delete_one(self) -> None:
        """Delete a delivered image."""
        for name in sorted(self.order.delivered - self.order.deleted)[:1]:
            self.order.deleted.add(name)
            path = f"/images/{name}.png"
            answer = self.until_final(partial(self._send, "DELETE", path))
            self.world.log(f"{self.order.name}: deleted {name[:8]}: {answer.status}")


def _code(body: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the code of a problem document or of an OpenAI error, or ""."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    return str(error["code"] if isinstance(error, dict) else body.get("code", ""))


def start(client: Client, behaviour: Callable[[], None], after: float) -> None:
    client.world.scheduler.start(Process(client.order.name), behaviour, after=after)


def listed(api: Api, caller: str) -> Iterator[Mapping[str, Any]]:
    """Return all pages of the caller's images."""
    order, cursor = Order("list", caller, {}), ""
    while True:
        answer = api.send(order, "GET", f"/images?limit=50{cursor}")
        api.world.expect(answer.status == HTTPStatus.OK, f"GET /images answered {answer.status}")
        yield from answer.body["images"]
        if answer.body["next_cursor"] is None:
            return
        cursor = f"&cursor={answer.body['next_cursor']}"
