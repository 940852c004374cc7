"""Simulated services: DynamoDB, S3, SQS, EventBridge and Bedrock."""

import base64
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aws.bedrock import Answer, BedrockError
from aws.bucket import BucketError, Link
from aws.events import EventError
from aws.queue import QueueError
from aws.table import LISTED_AT, LISTING, Change, Page, Record, TableError
from imaging.models import catalog
from imaging.models.catalog import Model
from imaging.models.sizing import Size
from imaging.records.store import DUE
from tests.fakes.bucket import FakeBucket
from tests.fakes.table import FakeTable
from tests.simulation import pictures
from tests.simulation.book import About, Book, Call
from tests.simulation.weather import DAY, HOUR
from tests.simulation.world import World

BLOCKED, PARTLY_BLOCKED = "[blocked]", "[partly blocked]"
"""The words in a prompt that make the content filter block it, or some of its images."""


@dataclass(eq=False)
class SimulatedTable:
    """Reads of records are consistent; the index lags. Expired records disappear at any time."""

    world: World
    book: Book
    main: FakeTable
    index: FakeTable
    indexed_at: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, book: Book) -> "SimulatedTable":
        clock = world.clock
        return cls(world, book, FakeTable(now=clock), FakeTable(now=clock))

    def get(self, key: str) -> Record | None:
        return self._call(f"get {_short(key)}", partial(self.main.get, key))

    def get_many(self, keys: Collection[str]) -> Mapping[str, Record]:
        return self._call(f"get {len(keys)} records", partial(self.main.get_many, keys))

    def put(self, key: str, record: Record, expires_at: int) -> None:
        self._call(f"put {_short(key)}", lambda: self._apply([key], lambda: self.main.put(key, record, expires_at)))

    def write(self, changes: Sequence[Change], token: str) -> None:
        keys = [change.key for change in changes]
        what = f"write {' '.join(map(_short, keys))} {_status(changes)} {token[:6]}"
        self._call(what, lambda: self._apply(keys, lambda: self.main.write(changes, token)))

    def listed(self, listing: str, limit: int, *, until: float | None = None, start: Record | None = None) -> Page:
        return self._call(f"list {listing}", lambda: self.index.listed(listing, limit, until=until, start=start))

    def enter(self, caller: str, entry: Record) -> None:
        """Write or delete a key's entry, as an operator does."""
        key = f"key#{caller}"
        self.world.log(f"the operator enters {key}: {entry}")
        self.main.records.pop(key, None)
        if entry:
            self.main.records[key] = {"id": key, **entry}

    def has_due(self) -> bool:
        due = (record[LISTED_AT] for record in self.index.records.values() if record.get(LISTING) == DUE)
        return any(at <= self.world.now + 1 for at in due)

    def forget_expired(self) -> None:
        for table in (self.main, self.index):
            for key, record in list(table.records.items()):
                if record.get("expiration", self.world.now) < self.world.now - self.world.random.uniform(0, 2 * DAY):
                    del table.records[key]

    def _apply(self, keys: Sequence[str], change: Callable[[], None]) -> None:
        before = {key: self.main.records.get(key) for key in keys}
        change()
        for key in keys:
            after = self.main.records.get(key)
            if after is before[key]:
                continue
            if after is None:
                self._index_later(key, None)
                continue
            if key.startswith("generation#"):
                self.book.written(before[key], after)
            self._index_later(key, after)
        self.book.totals_are_right(self.main.records)

    def _index_later(self, key: str, record: Record | None) -> None:
        when = max(
            self.world.now + self.world.random.uniform(0, self.world.weather.index_lag), self.indexed_at.get(key, 0)
        )
        self.indexed_at[key] = when
        self.world.scheduler.at(when, lambda: self._index(key, record))

    def _index(self, key: str, record: Record | None) -> None:
        if record is None:
            self.index.records.pop(key, None)
        else:
            self.index.records[key] = record

    def _call(self, what: str, apply: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call answers
        return self.world.call("table", what, apply, TableError)


def _short(key: str) -> str:
    kind, _, name = key.partition("#")
    return key if kind == "spend" else f"{kind}#{name[:8]}"


def _status(changes: Sequence[Change]) -> str:
    record = getattr(changes[0], "record", {})
    return str(record.get("status", ""))


@dataclass(frozen=True)
class StoredObject:
    png: bytes
    metadata: Mapping[str, str]
    stored_at: float


@dataclass(eq=False)
class SimulatedBucket:
    """`unknown` are objects whose put returned no success."""

    world: World
    retention_days: int
    objects: dict[str, StoredObject] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    renditions: FakeBucket = field(default_factory=FakeBucket)

    def put(self, image_id: str, png: bytes, metadata: dict[str, str]) -> None:
        self.world.expect(
            all(name == name.lower() and "_" not in name for name in metadata), "S3 changes the names of metadata"
        )
        try:
            self._call(f"put {image_id[:8]}", lambda: self._put(image_id, png, metadata))
            self.unknown.discard(image_id)
        except BucketError:
            self.unknown.add(image_id)
            raise

    def find(self, image_id: str) -> Mapping[str, str] | None:
        found: Mapping[str, str] | None = self._call(f"find {image_id[:8]}", lambda: self._metadata(image_id))
        self.unknown.discard(image_id)
        return found

    def read(self, image_id: str) -> bytes:
        return self._call(f"read {image_id[:8]}", lambda: self._object(image_id).png)

    def delete(self, image_id: str) -> None:
        self._call(f"delete {image_id[:8]}", lambda: self._delete(image_id))

    def put_rendition(self, image_id: str, name: str, data: bytes, content_type: str) -> bool:
        is_first: bool = self._call(
            f"put {image_id[:8]}/{name}", lambda: self.renditions.put_rendition(image_id, name, data, content_type)
        )
        return is_first

    def rendition_bytes(self, image_id: str, name: str) -> int | None:
        found: int | None = self._call(
            f"find {image_id[:8]}/{name}", lambda: self.renditions.rendition_bytes(image_id, name)
        )
        return found

    def read_rendition(self, image_id: str, name: str) -> bytes | None:
        found: bytes | None = self._call(
            f"read {image_id[:8]}/{name}", lambda: self.renditions.read_rendition(image_id, name)
        )
        return found

    def rendition_link(self, image_id: str, name: str) -> Link:
        return self.link(f"{image_id}/{name}")

    def delete_renditions(self, image_id: str) -> None:
        self._call(f"delete renditions of {image_id[:8]}", lambda: self.renditions.delete_renditions(image_id))

    def check(self) -> None:
        self._call("check", lambda: None)

    def link(self, image_id: str) -> Link:
        return Link(
            f"https://bucket.example/{image_id}", datetime.fromtimestamp(self.world.now, UTC) + timedelta(minutes=30)
        )

    def forget_expired(self) -> None:
        for name, stored in list(self.objects.items()):
            if stored.stored_at < self.world.now - self.retention_days * DAY - self.world.random.uniform(0, DAY):
                del self.objects[name]

    def _put(self, image_id: str, png: bytes, metadata: dict[str, str]) -> None:
        self.world.seen["image overwritten"] += image_id in self.objects
        self.objects[image_id] = StoredObject(png, dict(metadata), self.world.now)
        self.deleted.discard(image_id)

    def _metadata(self, image_id: str) -> Mapping[str, str] | None:
        stored = self.objects.get(image_id)
        return None if stored is None else {**stored.metadata, "bytes": str(len(stored.png))}

    def _object(self, image_id: str) -> StoredObject:
        if image_id not in self.objects:
            raise BucketError("NoSuchKey")
        return self.objects[image_id]

    def _delete(self, image_id: str) -> None:
        self.objects.pop(image_id, None)
        self.deleted.add(image_id)

    def _call(self, what: str, apply: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call answers
        return self.world.call("bucket", what, apply, BucketError)


@dataclass(eq=False)
class Message:
    number: int
    body: str
    visible_at: float
    sent_at: float
    receives: int = 0
    receipt: str = ""


VISIBILITY_SECONDS = 240
RETENTION_SECONDS = 14 * DAY


@dataclass(eq=False)
class SimulatedQueue:
    """Messages arrive at least once, in any order, perhaps late, and may be lost: they are only hints."""

    world: World
    deliver: Callable[[Message], None] = field(default=lambda _: None)
    workers: int = 2
    working: int = 0
    messages: dict[int, Message] = field(default_factory=dict)
    dead_letters: list[str] = field(default_factory=list)
    sent: int = 0

    def send(self, text: str, owner: str) -> None:  # noqa: ARG002 - these queues deliver in any order
        self._call(f"send {text[:8]}", lambda: self._send(text))

    def put_back(self, receipt: str, seconds: float) -> None:
        self._call(f"put back {receipt} for {seconds:.0f} s", lambda: self._put_back(receipt, seconds))

    def dead_letter(self, text: str) -> None:
        self._call(f"bury {text}", lambda: self.dead_letters.append(text))

    def finished(self, message: Message, receipt: str, *, is_done: bool) -> None:
        """Handle the end of a worker's invocation."""
        self.working -= 1
        is_deleted = is_done and self.world.random.random() >= self.world.weather.duplicates / 5
        if is_deleted and self.messages.get(message.number) is message and message.receipt == receipt:
            del self.messages[message.number]
        self.look()

    def look(self) -> None:
        """Receive a message if one is visible and a worker is free."""
        while self.working < self.workers:
            visible = [message for message in self.messages.values() if message.visible_at <= self.world.now]
            if not visible:
                return
            self._receive(self.world.random.choice(visible))

    def _receive(self, message: Message) -> None:
        message.receives += 1
        if message.sent_at < self.world.now - RETENTION_SECONDS:
            del self.messages[message.number]
            return
        message.receipt = f"m{message.number}-{message.receives}"
        early = self.world.weather.duplicates / 10 > self.world.random.random()
        self._show_at(message, self.world.now + (self.world.random.uniform(0, 60) if early else VISIBILITY_SECONDS))
        self.working += 1
        self.deliver(message)

    def _send(self, text: str) -> None:
        weather, random = self.world.weather, self.world.random
        if self.world.now < weather.calm_at and random.random() < weather.lost_messages:
            return
        self._add(text)
        if random.random() < weather.duplicates:
            self._add(text)

    def _add(self, text: str) -> None:
        random, is_late = self.world.random, self.world.random.random() < self.world.weather.lateness
        self.sent += 1
        visible_at = self.world.now + (random.uniform(10, HOUR) if is_late else random.uniform(0.01, 1))
        message = Message(self.sent, text, visible_at, self.world.now)
        self.messages[message.number] = message
        self._show_at(message, visible_at)

    def _put_back(self, receipt: str, seconds: float) -> None:
        for message in self.messages.values():
            if message.receipt == receipt and message.visible_at > self.world.now:
                self._show_at(message, self.world.now + min(math.ceil(seconds), 900))
                return
        raise QueueError("InvalidParameterValue", status=400)

    def _show_at(self, message: Message, when: float) -> None:
        message.visible_at = when
        self.world.scheduler.at(when, self.look)

    def _call(self, what: str, apply: Callable[[], None]) -> None:
        self.world.call("queue", what, apply, lambda code: QueueError(code, status=_REFUSED.get(code)))


_REFUSED = {"InternalServerError": 400}
"""The HTTP status of a message that was not accepted."""


@dataclass(eq=False)
class SimulatedBus:
    world: World
    published: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        self.world.call(
            "bus", f"publish {detail_type}", lambda: self.published.append((detail_type, detail)), EventError
        )


@dataclass(frozen=True)
class _Asked:
    """A request body of any schema."""

    prompt: str
    seed: int
    images: int
    size: Size
    quality: str
    is_several: bool

    @classmethod
    def of(cls, model: Model, body: Mapping[str, Any]) -> "_Asked":
        if config := body.get("imageGenerationConfig"):
            return cls(
                body["textToImageParams"]["text"],
                config["seed"],
                config["numberOfImages"],
                Size(config["width"], config["height"]),
                config["quality"],
                is_several=True,
            )
        size = next(size for size in model.native_sizes if size.aspect_ratio == body["aspect_ratio"])
        return cls(body["prompt"], body["seed"], 1, size, "standard", is_several=False)


@dataclass(eq=False)
class SimulatedBedrock:
    world: World
    book: Book
    bucket: SimulatedBucket

    def invoke(self, model_id: str, _region: str, body: Mapping[str, Any], seconds_left: Callable[[], float]) -> Answer:
        self.world.expect(seconds_left() > 0, "a model is called when no time is left")
        model = catalog.find(model_id)
        asked = _Asked.of(model, body)
        about = self.world.scheduler.current.about  # type: ignore[union-attr] # whoever calls is a task
        self.world.expect(isinstance(about, About), "a model call that is no generation's")
        call = Call(
            len(self.book.calls),
            self.world.scheduler.process,
            about,
            model_id,
            asked.prompt,
            asked.seed,
            asked.images,
            model.price(asked.size, asked.quality),
            self.world.now,
        )
        self.book.begins(call, self.bucket.objects)
        try:
            return self._answer(call, model, asked, seconds_left)
        except BedrockError as error:
            self.world.log(f"model call {call.number} {model_id}: {error.code}{', billed' if call.is_billed else ''}")
            raise

    def made(self, about: About) -> None:
        """Record that the task's calls are over, and their pictures stored or given up."""
        for call in self.book.calls:
            if call.about is about:
                call.is_making = False

    def _answer(self, call: Call, model: Model, asked: _Asked, seconds_left: Callable[[], float]) -> Answer:
        random, weather = self.world.random, self.world.weather
        self.world.steps += 1
        self.world.log(
            f"model call {call.number} {model.id} generation {call.about.generation[:8]} places {call.about.places}"
            f" attempt {call.about.attempt[:6]}: {call.micros} micro-dollars"
        )
        fate = weather.fate("model", self.world.now, random)
        self.world.scheduler.pause(random.uniform(0.05, 0.5))
        if fate == "died before":
            self.world.die("died before the model ran")
        self._turn_away(call, model, asked, fate)
        return self._run(call, model, asked, seconds_left, fate)

    def _turn_away(self, call: Call, model: Model, asked: _Asked, fate: str) -> None:
        """Raise the refusals before a model runs, which are not billed."""
        random, climate, now = self.world.random, self.world.weather.climates[model.id], self.world.now
        call.outcome = "refused"
        if now >= climate.retired_from:
            raise BedrockError("ResourceNotFoundException", "This model version has reached the end of its life.")
        for code, periods in (
            ("ThrottlingException", climate.throttled),
            ("AccessDeniedException", climate.denied),
            ("ServiceUnavailableException", climate.busy),
        ):
            if any(period.covers(now) and random.random() < period.rate for period in periods):
                raise BedrockError(code, "Not now.", f"request-{call.number}")
        if fate == "refused":
            raise BedrockError("ThrottlingException", "Too many requests.", f"request-{call.number}")
        if asked.is_several and BLOCKED in asked.prompt:
            raise BedrockError("ValidationException", "This request has been blocked by our content filters.")
        call.outcome = "in flight"

    def _run(self, call: Call, model: Model, asked: _Asked, seconds_left: Callable[[], float], fate: str) -> Answer:
        random, climate = self.world.random, self.world.weather.climates[model.id]
        is_calm = self.world.now >= self.world.weather.calm_at
        low, high = (2.0, 6.0) if is_calm else climate.seconds
        seconds, left = random.uniform(low, high), seconds_left()
        dies = fate == "died after" and random.random() < 0.5
        if seconds > left or dies:
            self.world.scheduler.pause(min(left, seconds) * (random.random() if dies else 1))
            call.is_billed = random.random() < 0.7
            if dies:
                self.world.die(f"died while the model ran{', billed' if call.is_billed else ''}")
            call.outcome = "unknown"
            raise BedrockError(BedrockError.READ_TIMEOUT, "Read timed out.")
        self.world.scheduler.pause(seconds)
        drawn = 1.0 if is_calm else random.random()
        if drawn < climate.failed:
            call.outcome, call.is_billed = "unknown", random.random() < 0.5
            raise BedrockError("ModelErrorException", "The model failed.", f"request-{call.number}")
        call.is_billed = True
        if fate == "died after":
            self.world.die("died when the model had answered, billed")
        if fate == "lost" or drawn < climate.failed + climate.dropped:
            call.outcome = "unknown"
            raise BedrockError(BedrockError.CONNECTION_LOST, "Connection lost.")
        call.outcome = "answered"
        self.world.seen["model answered"] += 1
        is_broken = drawn > 1 - climate.unusable and not is_calm
        content = self._content(call, asked, is_broken=is_broken)
        self.world.log(f"model call {call.number}: answered, billed{', unusable' if is_broken else ''}")
        return Answer(content, f"request-{call.number}")

    def _content(self, call: Call, asked: _Asked, *, is_broken: bool) -> Mapping[str, Any]:
        if not asked.is_several:
            seed = asked.seed or self.world.random.randrange(1, 2**31 - 1)
            blocked = BLOCKED in asked.prompt or (PARTLY_BLOCKED in asked.prompt and asked.seed % 2)
            if blocked:
                return {"images": [], "seeds": [seed], "finish_reasons": ["Filter reason: prompt"]}
            call.is_usable = not is_broken
            return {
                "images": [self._picture(call, asked, seed, 0, is_broken=is_broken)],
                "seeds": [seed],
                "finish_reasons": [None],
            }
        made = max(asked.images - 1, 0) if PARTLY_BLOCKED in asked.prompt else asked.images
        call.is_usable = made == asked.images and not is_broken
        images = [self._picture(call, asked, asked.seed, place, is_broken=is_broken) for place in range(made)]
        return {"images": images, "error": "Some images were withheld." if made < asked.images else None}

    @staticmethod
    def _picture(call: Call, asked: _Asked, seed: int, place: int, *, is_broken: bool) -> str:
        facts = {"call": call.number, "prompt": asked.prompt, "seed": seed, "place": place}
        png = pictures.draw(asked.size.width, asked.size.height, facts)
        return base64.b64encode(png[:-8] if is_broken else png).decode()
