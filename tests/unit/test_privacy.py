"""Prompts, keys and links are in no log, metric, event, message, object or record, whatever happens; a waiting job's
prompt goes when the job ends."""

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

import authorizer.app
from api.app import lambda_handler
from aws.bedrock import BedrockError
from aws.table import Record
from observability import logger
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.bucket import FakeBucket
from tests.fakes.clock import FakeClock
from tests.fakes.events import FakeBus
from tests.fakes.lambda_runtime import GATEWAY_TOKEN, FakeContext, http_event
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import LEASE_SECONDS, at_call, killed_after, refuse, refused_after, sweep, work

PROMPT, NEGATIVE = "marker-of-the-prompt", "marker-of-the-negative-prompt"
KEY, API_KEY, LINK = "marker-of-the-idempotency-key", "marker-of-the-api-key", "https://bucket.example"
MARKERS = (PROMPT, NEGATIVE, KEY, API_KEY, LINK)
FOX = {"text": PROMPT, "negative_text": NEGATIVE}
HOUR = 3600


class Written(dict[str, Record]):
    """The records of a table, and every one that it ever had."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[Record] = []

    def update(self, records: Mapping[str, Record]) -> None:  # type: ignore[override] # the one form that is used
        self.ever.extend(records.values())
        super().update(records)


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def table(written: Written, wall: FakeClock) -> FakeTable:
    return FakeTable(written, now=wall)


@pytest.fixture
def bedrock() -> FakeBedrock:
    """Its pictures need no fitting, which takes time."""
    return FakeBedrock(ratio_size=(1024, 1024))


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"MONTHLY_BUDGET_PER_KEY_USD": "1"}


@pytest.fixture
def log(log: io.StringIO) -> Iterator[io.StringIO]:
    """Everything is logged."""
    level = logger.log_level
    logger.setLevel(logging.DEBUG)
    yield log
    logger.setLevel(level)


@dataclass
class Scene:
    """What a caller does; `raised` are the errors that Lambda's runtime would log."""

    send: Send
    bedrock: FakeBedrock
    bucket: FakeBucket
    table: FakeTable
    queue: FakeQueue
    bus: FakeBus
    wall: FakeClock
    answers: list[Answer] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)

    def ask(self, method: str, target: str, body: object = None, **headers: str) -> Answer:
        self.answers.append(self.send(method, target, body, x_api_key=API_KEY, **headers))
        return self.answers[-1]

    def generate(self, *, is_keyed: bool = True, **body: object) -> Answer:
        return self.ask("POST", "/generate", FOX | body, **({"idempotency_key": KEY} if is_keyed else {}))

    def job(self, **body: object) -> str:
        answer = self.ask("POST", "/generate", FOX | body, idempotency_key=KEY, prefer="respond-async")
        assert answer.status == 202
        return str(answer.json["id"])

    def status(self, job_id: str) -> str:
        return str(self.ask("GET", f"/jobs/{job_id}").json["status"])

    def direct(self, **event: object) -> None:
        try:
            lambda_handler(FOX | {"idempotency_key": KEY} | event, FakeContext())
        except Exception as error:  # noqa: BLE001 - the runtime logs each
            self.raised += traceback.format_exception(error)


def quoting(code: str) -> BedrockError:
    """An error whose words quote the request, as those of these codes may."""
    return BedrockError(code, f"cannot draw {PROMPT} without {NEGATIVE}")


def code(answer: Answer) -> str:
    return str(answer.json["code"])


def _success(scene: Scene) -> None:
    for form in ("png", "webp"):
        assert scene.generate(number_of_images=2, output_format=form).status == 200
    assert scene.generate(is_keyed=False).status == 200
    (image, *_) = scene.ask("GET", "/images").json["images"]
    scene.ask("GET", f"/images/{image['id']}.jpg?width=64")
    scene.ask("GET", f"/images/{image['id']}/provenance")
    assert scene.ask("DELETE", f"/images/{image['id']}.png").status == 204
    scene.generate()


def _authorizer(scene: Scene) -> None:  # noqa: ARG001 - the authorizer needs nothing
    for headers in ({"x-api-key": API_KEY}, {"x-api-key": API_KEY, "authorization": f"Bearer {KEY}"}):
        event = {
            **http_event("POST", "/generate"),
            "methodArn": "arn:aws:execute-api:us-east-1:000000000000:a1b2c3d4e5/api/POST/generate",
            "headers": headers,
        }
        authorizer.app.lambda_handler(event, cast(LambdaContext, FakeContext()))


def _blocked_prompt(scene: Scene) -> None:
    scene.bedrock.enqueue(
        BedrockError("ValidationException", f"This request has been blocked by our content filters: {PROMPT}")
    )
    assert code(scene.generate()) == "content_blocked"


def _blocked_image(scene: Scene) -> None:
    scene.bedrock.enqueue({"images": [], "seeds": [1], "finish_reasons": [f"Filter reason: {PROMPT}"]})
    scene.generate(model="core", number_of_images=2)


def _model_errors(scene: Scene) -> None:
    codes = ("ValidationException", "ModelErrorException", "InternalServerException", "UnheardOfException")
    for number, each in enumerate(codes):
        scene.bedrock.enqueue(quoting(each))
        assert scene.generate(is_keyed=False, seed=number, model="core").status >= 400


def _unusable_answers(scene: Scene) -> None:
    answers: list[dict[str, Any]] = [
        {"images": [PROMPT], "seeds": [1], "finish_reasons": [None]},
        {"error": f"cannot draw {PROMPT}"},
        {"echo": PROMPT},
    ]
    for number, answer in enumerate(answers):
        scene.bedrock.enqueue(answer)
        assert scene.generate(is_keyed=False, seed=number, model="core").status >= 400


def _fallback(scene: Scene) -> None:
    scene.bedrock.refuse("ResourceNotFoundException")
    assert scene.generate().status == 200


def _throttled_job(scene: Scene) -> None:
    job_id = scene.job(model="core")
    scene.bedrock.refuse("ThrottlingException")
    assert not work(job_id)
    assert scene.status(job_id) == "queued"
    scene.wall.advance(121)
    assert work(job_id)
    assert scene.status(job_id) == "succeeded"


def _half_throttled_job(scene: Scene) -> None:
    job_id = scene.job(model="core", number_of_images=2)
    scene.bedrock.by_seed[43] = BedrockError("ThrottlingException")
    assert not work(job_id)
    assert scene.ask("DELETE", f"/jobs/{job_id}").json["result"]["images"]


def _failed_job(scene: Scene) -> None:
    job_id = scene.job(model="core")
    scene.bedrock.enqueue(quoting("ValidationException"))
    assert work(job_id)
    assert scene.status(job_id) == "failed"


def _failing_job(scene: Scene) -> None:
    job_id = scene.job(model="core")
    for _ in range(4):
        scene.bedrock.enqueue(quoting("ModelErrorException"))
        work(job_id)
        scene.wall.advance(121)
    assert scene.status(job_id) == "failed"


def _cancelled_job(scene: Scene) -> None:
    job_id = scene.job()
    assert scene.ask("DELETE", f"/jobs/{job_id}").json["status"] == "cancelled"
    assert work(job_id)


def _synchronous_becomes_job(scene: Scene) -> None:
    scene.bedrock.meanwhile.append(scene.job)
    assert scene.generate().status == 200


def _dead_letter(scene: Scene) -> None:
    job_id = scene.job()
    scene.table.records[f"generation#{job_id}"] = {**scene.table.records[f"generation#{job_id}"], "calls": 7}
    assert work(job_id)
    assert scene.queue.dead_letters == [job_id]
    scene.ask("GET", f"/jobs/{job_id}")
    scene.wall.advance(301)
    sweep()
    scene.wall.advance(6 * HOUR)
    sweep()


def _budget(scene: Scene) -> None:
    prices = [scene.generate(is_keyed=False, seed=seed, model="core", number_of_images=4) for seed in range(0, 40, 4)]
    assert code(prices[-1]) == "budget_exhausted"


def _budget_of_a_job(scene: Scene) -> None:
    job_id = scene.job(model="core", number_of_images=4)
    for seed in range(0, 40, 4):
        scene.generate(is_keyed=False, seed=seed, model="core", number_of_images=4)
    assert work(job_id)
    assert scene.status(job_id) == "failed"


def _invalid(scene: Scene) -> None:
    bodies: list[object] = [
        {"text": PROMPT * 1000},
        {"text": [PROMPT]},
        {"text": f"{PROMPT}\0"},
        {"text": "a fox", "seed": PROMPT},
        {"text": "a fox", "model": PROMPT},
        f'{{"text": "{PROMPT}',
        f'"{PROMPT}"',
        [PROMPT],
    ]
    for path in ("/generate", "/v1/images/generations"):
        for body in bodies:
            scene.send("POST", path, body, x_api_key=API_KEY, idempotency_key=KEY)
    scene.send("POST", "/generate", FOX | {PROMPT: NEGATIVE}, x_api_key=API_KEY)
    scene.send("POST", "/generate", FOX, idempotency_key=KEY * 30)
    scene.send("POST", "/generate", FOX, prefer=f"wait={PROMPT}")
    scene.send("GET", f"/jobs/{PROMPT}")
    scene.send("GET", f"/images/{PROMPT}.png")
    scene.send("GET", f"/images?cursor={PROMPT}")
    scene.send("GET", f"/{PROMPT}?{PROMPT}={PROMPT}")


def _direct(scene: Scene) -> None:
    scene.direct()
    scene.direct(seed=7, idempotency_key=f"{KEY}\n")
    scene.direct(**{PROMPT: NEGATIVE})
    scene.direct(text=[PROMPT])
    scene.direct(text=PROMPT * 1000)
    scene.direct(seed=PROMPT)
    for error in (quoting("ValidationException"), quoting("ModelErrorException")):
        scene.bedrock.enqueue(error)
        scene.direct(model="core", idempotency_key=error.code)
    with at_call(0, scene.table, "get", before=lambda: _bug(scene)):
        scene.direct(idempotency_key="another")
    assert len(scene.raised) > 10


def _openai(scene: Scene) -> None:
    path = "/v1/images/generations"
    for form in ("url", "b64_json"):
        assert scene.ask("POST", path, {"prompt": PROMPT, "response_format": form}).status == 200
    scene.bedrock.enqueue(quoting("ValidationException"))
    assert scene.ask("POST", path, {"prompt": PROMPT, "model": "core"}, idempotency_key=KEY).status == 400


def _sweeper_gives_up(scene: Scene) -> None:
    job_id = scene.job()
    scene.wall.advance(6 * HOUR + 1)
    sweep()
    assert scene.status(job_id) == "failed"


def _crashed_job(scene: Scene) -> None:
    job_id = scene.job()
    with killed_after(0, scene.bucket, "put"):
        work(job_id)
    scene.wall.advance(LEASE_SECONDS)
    sweep()
    assert scene.status(job_id) == "running"
    scene.wall.advance(6 * HOUR)
    sweep()
    assert scene.status(job_id) == "failed"


def _crashed_request(scene: Scene) -> None:
    with killed_after(0, scene.bucket, "put"):
        scene.generate()
    scene.wall.advance(LEASE_SECONDS)
    sweep()


def _bug(scene: Scene) -> None:  # noqa: ARG001 - as the other scenes
    raise RuntimeError(f"a bug with {PROMPT}, {NEGATIVE}, {KEY}, {API_KEY} and {LINK}")


def _bug_in_the_generator(scene: Scene) -> None:
    scene.bedrock.meanwhile.append(lambda: _bug(scene))
    assert code(scene.generate()) == "internal_error"


def _bug_in_a_job(scene: Scene) -> None:
    job_id = scene.job()
    for _ in range(4):
        scene.bedrock.meanwhile.append(lambda: _bug(scene))
        work(job_id)
        scene.wall.advance(121)
    assert scene.status(job_id) == "failed"


def _bug_in_a_door(scene: Scene) -> None:
    with at_call(0, scene.table, "get", before=lambda: _bug(scene)):
        assert code(scene.ask("GET", "/jobs/0ccb4f4e-8a3b-4a0c-9d61-3f1b3f0c9a11")) == "internal_error"
    with at_call(0, scene.table, "write", before=lambda: _bug(scene)):
        assert code(scene.generate()) == "internal_error"


def _table_down(scene: Scene) -> None:
    with at_call(0, scene.table, "write", before=refuse):
        scene.generate()
    with refused_after(1, scene.table, "write"):
        scene.generate(is_keyed=False)
    job_id = scene.job()
    with refused_after(0, scene.table, "get"):
        assert not work(job_id)
    assert work(job_id)


def _storage_failed(scene: Scene) -> None:
    scene.bucket.refusals = ["AccessDenied"] * 50
    assert code(scene.generate()) == "storage_failed"
    scene.generate()


def _queue_refuses(scene: Scene) -> None:
    scene.queue.refusals = ["AccessDenied"]
    answer = scene.ask("POST", "/generate", FOX, idempotency_key=KEY, prefer="respond-async")
    assert code(answer) == "dependency_unavailable"


def _bus_refuses(scene: Scene) -> None:
    scene.bus.refusals = ["AccessDenied"]
    assert scene.generate().status == 200


def _key_reused(scene: Scene) -> None:
    scene.generate()
    assert code(scene.generate(seed=7)) == "key_reused"


SCENES: list[Callable[[Scene], None]] = [
    _success,
    _authorizer,
    _blocked_prompt,
    _blocked_image,
    _model_errors,
    _unusable_answers,
    _fallback,
    _throttled_job,
    _half_throttled_job,
    _failed_job,
    _failing_job,
    _cancelled_job,
    _synchronous_becomes_job,
    _dead_letter,
    _budget,
    _budget_of_a_job,
    _invalid,
    _direct,
    _openai,
    _sweeper_gives_up,
    _crashed_job,
    _crashed_request,
    _bug_in_the_generator,
    _bug_in_a_job,
    _bug_in_a_door,
    _table_down,
    _storage_failed,
    _queue_refuses,
    _bus_refuses,
    _key_reused,
]


@pytest.fixture
def scene(
    send: Send,
    bedrock: FakeBedrock,
    bucket: FakeBucket,
    table: FakeTable,
    queue: FakeQueue,
    bus: FakeBus,
    wall: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    for name, value in (("GATEWAY_TOKEN", GATEWAY_TOKEN), ("PUBLIC_KEY", "public"), ("CORS_ORIGINS", "")):
        monkeypatch.setenv(name, value)
    return Scene(send, bedrock, bucket, table, queue, bus, wall)


def _is_of_a_waiting_job(record: Record) -> bool:
    """A malformed record is one too, until its job's deadline."""
    return record["id"].startswith("generation#") and record["is_job"] and record["status"] in {"queued", "running"}


def _without_request(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "request"}


@pytest.mark.parametrize("happens", SCENES, ids=lambda happens: happens.__name__)
def test_nothing_tells_what_was_asked(
    happens: Callable[[Scene], None],
    scene: Scene,
    written: Written,
    log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    happens(scene)

    output = capsys.readouterr()
    told = {
        "the log": log.getvalue() + caplog.text,
        "the output and its metrics": output.out + output.err,
        "an error that the runtime logs": "".join(scene.raised),
        "an event": json.dumps(scene.bus.published),
        "a message": json.dumps([scene.queue.sent, scene.queue.owners, scene.queue.dead_letters]),
        "an object": str([*scene.bucket.objects.values(), *scene.bucket.renditions.values(), scene.bucket.metadata]),
        "a record": json.dumps(
            [_without_request(record) if _is_of_a_waiting_job(record) else record for record in written.ever]
        ),
        "a record that is left": json.dumps(list(scene.table.records.values())),
        "an answer": "".join(answer.text for answer in scene.answers),
    }
    own = {"an answer": MARKERS[:-1]}
    found = [(place, marker) for place, text in told.items() for marker in own.get(place, MARKERS) if marker in text]
    assert found == []


def test_the_search_finds_a_prompt_where_it_must_wait(scene: Scene, written: Written) -> None:
    job_id = scene.job()
    assert PROMPT in json.dumps(written.ever)
    work(job_id)
    assert PROMPT in json.dumps(written.ever)
    assert PROMPT not in json.dumps(scene.table.records)
