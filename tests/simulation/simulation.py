"""One run: a world from a seed, its events, and its invariants."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any

from imaging.ids import image_id
from settings import Settings
from tests.fakes.lambda_runtime import GATEWAY_TOKEN
from tests.simulation import clients, pictures, weather
from tests.simulation.book import Book
from tests.simulation.clients import DIRECT, Api, Order
from tests.simulation.deployment import Deployment
from tests.simulation.scenario import CALLERS, Scenario
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.services import SimulatedBedrock, SimulatedBucket, SimulatedBus, SimulatedQueue, SimulatedTable
from tests.simulation.weather import DAY, HOUR, MINUTE
from tests.simulation.world import Violation, World

MID_MONTH, END_OF_MONTH = 1_794_830_400.0, 1_796_082_600.0
"""2026-11-16 12:00 and 2026-11-30 23:50, UTC."""

MARGIN_SECONDS = 45 * MINUTE
"""How long after its deadline an accepted job may need to be over, also where a service is out for a while then."""


@dataclass(frozen=True)
class Run:
    """`problem` is the broken invariant, if any."""

    seed: int
    steps: int
    problem: str | None
    seen: Counter[str]
    lines: list[str]

    @property
    def fingerprint(self) -> str:
        return sha256("\n".join(self.lines).encode()).hexdigest()

    def without_history(self) -> "Run":
        return replace(self, lines=[])

    def report(self) -> str:
        return "\n".join([*self.lines, f"seed {self.seed}: {self.problem}"])


def run(seed: int, **parameters: str) -> Run:
    """Run a seed; `parameters` are environment variables with fixed values."""
    random = Random(seed)  # noqa: S311 - no secret
    start = random.choice((MID_MONTH, MID_MONTH, END_OF_MONTH))
    settings = Settings.from_environment(_environment(random) | {"OPEN_JOBS_PER_KEY": _open_jobs(seed)} | parameters)
    deadline = settings.job_hours * HOUR
    scheduler = Scheduler(start)
    calm_at = start + random.choice((20 * MINUTE, HOUR, deadline))
    world = World(seed, scheduler, random, weather.draw(random, start, calm_at), start)
    stack, key = (
        round(usd * 1_000_000) or None for usd in (settings.monthly_budget_usd, settings.monthly_budget_per_key_usd)
    )
    book = Book(world, stack, key, settings.open_jobs_per_key or None)
    bucket = SimulatedBucket(world, settings.retention_days)
    deployment = Deployment(
        world,
        settings,
        SimulatedTable.of(world, book),
        bucket,
        SimulatedQueue(world, workers=random.randint(2, 4)),
        SimulatedBus(world),
        SimulatedBedrock(world, book, bucket),
    )
    api = Api(world, deployment, lost_answers=random.choice((0, 0.05, 0.2)))
    problem = None
    with deployment.installed():
        try:
            _forget_expired_now_and_then(deployment)
            deployment.sweep()
            _an_operator(deployment, seed)
            Scenario(api, random).begin()
            scheduler.run(max(calm_at, start + 2 * HOUR) + deadline + 2 * MARGIN_SECONDS)
            _at_rest(api, book)
        except Violation as violation:
            problem = str(violation)
    return Run(seed, world.steps, problem, world.seen, list(world.lines()))


def _environment(random: Random) -> dict[str, str]:
    near = random.random() < 0.35
    return {
        "AWS_REGION": "us-east-1",
        "STACK_NAME": "stack",
        "GATEWAY_TOKEN": GATEWAY_TOKEN,
        "BUCKET_NAME": "bucket",
        "TABLE_NAME": "table",
        "STANDARD_MODELS": random.choice(("titan,core", "titan,core", "core", "titan")),
        "PREMIUM_MODELS": "titan,ultra",
        "MORE_MODELS": "",
        "MODEL_PRICES": "",
        "LINK_MINUTES": "30",
        "RETENTION_DAYS": random.choice(("1", "3", "30")),
        "DEDUPLICATION_MINUTES": random.choice(("0", "1", "3", "60", "60")),
        "QUEUE_URL": "queue",
        "DEAD_LETTER_QUEUE_URL": "dead-letters",
        "JOB_HOURS": random.choices(("1", "2", "6", "48", "168"), (60, 20, 15, 4, 1))[0],
        "EVENT_BUS_NAME": "default",
        "MONTHLY_BUDGET_USD": str(random.choice((0.1, 0.25, 0.6))) if near else "0",
        "MONTHLY_BUDGET_PER_KEY_USD": random.choice(("0", "0.08", "0.2")) if near else "0",
        "CORS_ORIGINS": "",
        "API_BASE_URL": "",
        "DOCS": "true",
        "SIGNING_KEY_ARN": "",
        "SIGNING_CERTIFICATES_PARAMETER": "",
        "WEBHOOK_QUEUE_URL": "webhooks",
        "WEBHOOK_NETWORKS": "",
        "WEBHOOK_AUTHORITIES": "",
        "GUARDRAIL_ID": "",
        "GUARDRAIL_VERSION": "",
        "GUARDRAIL_REGION": "",
    }


def _open_jobs(seed: int) -> str:
    """A cap for every fourth seed, drawn apart, so that no other run depends on it."""
    return Random(f"open jobs {seed}").choices(("0", "1", "2", "3"), (75, 8, 9, 8))[0]  # noqa: S311 - no secret


def _an_operator(deployment: Deployment, seed: int) -> None:
    """Change keys' entries, in every fourth seed; drawn apart, so that no other run depends on it."""
    random, world = Random(f"entries {seed}"), deployment.world  # noqa: S311 - no secret
    if random.random() < 3 / 4:
        return
    for _ in range(random.randint(1, 8)):
        caller = random.choice((*CALLERS, DIRECT))
        entry = {
            "budget_usd": random.choice((None, "none", 0, 0.08, 0.2, 0.6)),
            "open_jobs": random.choice((None, "none", 0, 1, 3)),
        }
        kept = {name: value for name, value in entry.items() if value is not None}
        world.scheduler.at(world.now + random.uniform(0, 8 * MINUTE), partial(deployment.table.enter, caller, kept))


def _forget_expired_now_and_then(deployment: Deployment) -> None:
    deployment.table.forget_expired()
    deployment.bucket.forget_expired()
    world = deployment.world
    world.scheduler.at(world.now + 6 * HOUR, lambda: _forget_expired_now_and_then(deployment))


def _at_rest(api: Api, book: Book) -> None:
    """Check the API's own answers for each caller at the end."""
    world, scheduler = api.world, api.world.scheduler
    book.at_rest()
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for caller in (*CALLERS, DIRECT):
        scheduler.start(Process(f"rest-{caller[:4]}"), partial(_ask, api, book, caller, found))
        scheduler.run(world.now + 10 * MINUTE)
        world.expect(caller in found, f"the list of {caller} was not answered")
    _everything_stored_is_reachable(api, found)
    _twins_got_their_own(api, book)


def _ask(api: Api, book: Book, caller: str, found: dict[str, dict[str, Mapping[str, Any]]]) -> None:
    images = {image["id"]: image for image in clients.listed(api, caller)}
    for order in api.orders:
        if order.caller == caller:
            for job, created_at in sorted(order.accepted):
                _job_ended_well(api, book, order, job, created_at)
    found[caller] = images


def _job_ended_well(api: Api, book: Book, order: Order, job: str, created_at: int) -> None:
    world = api.world
    answer = api.send(order, "GET", f"/jobs/{job}")
    record = api.deployment.table.main.records.get(f"generation#{job}")
    is_it = record is not None and record["is_job"] and int(record["created_at"]) == created_at
    if record is None or not is_it or record["expiration"] <= world.now:
        return  # forgotten by now, or the same request or key was sent again much later
    if answer.body.get("code") == "not_found":
        world.violated(f"{order.name}: the job {job} is not found although it is remembered")
    status, result = answer.body["status"], answer.body["result"]
    world.expect(status in {"succeeded", "failed", "cancelled"}, f"{order.name}: the job {job} is {status} at rest")
    late = record["ended_at"] - record["created_at"] - api.deployment.settings.job_hours * HOUR
    world.expect(late <= MARGIN_SECONDS, f"{order.name}: the job {job} ended {late:.0f} s after its deadline")
    there = _stored_places(api, job, record["epoch"], record["requested"])
    told = {detail["id"] for detail in (result or {"details": ()})["details"] if detail["status"] == "stored"}
    world.expect(there <= told, f"{order.name}: the job {job} is {status} and says nothing of {sorted(there - told)}")
    if status == "succeeded":
        world.expect(
            result and len(result["details"]) == record["requested"], f"{order.name}: {job} succeeded with nothing"
        )
    if status == "failed":
        world.expect(answer.body["problem"], f"{order.name}: the job {job} failed and does not say why")
    if status == "cancelled":
        asked = {each for other in api.orders if other.caller == order.caller for each in other.cancels}
        world.expect(job in asked, f"{order.name}: the job {job} was accepted, and cancelled by nobody")
    _says_whether_it_was_rebilled(world, book, job, record["epoch"], says=answer.body["possibly_rebilled"])


def _says_whether_it_was_rebilled(world: World, book: Book, job: str, epoch: str, *, says: bool) -> None:
    attempts = [each for each in book.attempts.values() if each.generation == job and each.epoch == epoch]
    lost = [place for place, attempt in enumerate(attempts) if attempt.is_lost]
    rebilled = any(
        set(later.about.places) & set(dead.about.places) and later.is_billed
        for place in lost
        for dead in attempts[place].calls
        for attempt in attempts[place + 1 :]
        for later in attempt.calls
        if dead.is_billed
    )
    could = any(
        attempt.is_lost or any(call.may_be_billed for call in attempt.calls)
        for place in lost
        for attempt in attempts[place + 1 :]
    )
    world.expect(says or not rebilled, f"the job {job} was billed twice and does not say so")
    world.expect(could or not says, f"the job {job} says that it may have been billed twice, and was not")


def _stored_places(api: Api, generation: str, epoch: str, requested: int) -> set[str]:
    names = {image_id(generation, place) for place in range(requested)}
    objects = api.deployment.bucket.objects
    known = names - api.deployment.bucket.unknown
    return {name for name in known if name in objects and objects[name].metadata.get("epoch") == epoch}


def _everything_stored_is_reachable(api: Api, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    world, bucket = api.world, api.deployment.bucket
    for name, stored in bucket.objects.items():
        if name in bucket.unknown or stored.stored_at < world.now - bucket.retention_days * DAY + HOUR:
            continue
        owners = api.owners(name)
        lists = {caller for caller, images in found.items() if name in images}
        world.expect(lists == owners, f"the image {name} of {owners} is in the list of {lists or 'nobody'}")
    for caller, images in found.items():
        for name, image in images.items():
            there = bucket.objects.get(name)
            world.expect(there or name in bucket.deleted, f"{caller}: the list names {name}, which is gone")
            if there:
                facts = pictures.facts(there.png)
                world.expect(facts["seed"] == image["seed"], f"{caller}: the list says seed {image['seed']} of {facts}")
                world.expect(
                    facts["prompt"].startswith(caller), f"{caller}: the list has an image of {facts['prompt']!r}"
                )


def _twins_got_their_own(api: Api, book: Book) -> None:
    """Check that equal requests with random seeds share no image if each was paid and retried."""
    for first in api.orders:
        for second in api.orders:
            if first.name == f"{second.name}-twin" and _both_were_retried_first(first, second):
                shared = first.delivered & second.delivered
                paid = {call.about.generation for call in book.calls if call.prompt == first.text and call.is_usable}
                api.world.expect(not shared or len(paid) < 2, f"{first.name} and {second.name} share {shared}")


def _both_were_retried_first(one: Order, other: Order) -> bool:
    """Whether each was sent again, once, before either was answered: only then no answer can be taken by mistake."""
    retried = [order.sent_at[1] for order in (one, other) if len(order.sent_at) == 2]
    return len(retried) > 1 and max(retried) < min(one.got_at, other.got_at)
