"""The deployed product: functions with time-outs and execution environments, on simulated services."""

import random as product_random
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

import api.app
import api.routes.openai
import bootstrap
import messages
import sweeper.app
import worker.app
from bootstrap import Services
from imaging.deadline import Deadline
from imaging.images import finishing
from observability import logger, metrics
from settings import Settings
from tests.fakes.lambda_runtime import FakeContext
from tests.fakes.queue import FakeQueue
from tests.simulation.book import About
from tests.simulation.scheduler import Process, Signal
from tests.simulation.services import (
    Message,
    SimulatedBedrock,
    SimulatedBucket,
    SimulatedBus,
    SimulatedQueue,
    SimulatedTable,
)
from tests.simulation.weather import MINUTE
from tests.simulation.world import World, replaced

API_SECONDS, WORKER_SECONDS, SWEEPER_SECONDS = 120, 180, 60
SWEEP_EVERY_SECONDS = 2 * MINUTE
IDLE_SWEEPS = 0.05

_REAL = (time.time, time.monotonic, time.sleep)


@dataclass(frozen=True)
class Died:
    """The end of an invocation that returned neither an answer nor an error."""


@dataclass(frozen=True)
class Raised:
    error: Exception


@dataclass(eq=False)
class Context(FakeContext):
    """The Lambda context of an invocation."""

    world: World | None = None
    until: float = 0

    def get_remaining_time_in_millis(self) -> int:
        assert self.world is not None
        return max(int((self.until - self.world.now) * 1000), 0)


@dataclass(eq=False)
class Environment:
    """An execution environment, which lasts from one invocation to the next."""

    services: Services


@dataclass(eq=False)
class Deployment:
    world: World
    settings: Settings
    table: SimulatedTable
    bucket: SimulatedBucket
    queue: SimulatedQueue
    bus: SimulatedBus
    bedrock: SimulatedBedrock
    idle: dict[str, list[Environment]] = field(default_factory=lambda: {"api": [], "worker": [], "sweeper": []})
    invoked: int = 0

    def __post_init__(self) -> None:
        self.queue.deliver = self._deliver

    def api(self, event: Any) -> Signal:  # noqa: ANN401 - any JSON may be sent
        return self._invoke("api", api.app.lambda_handler, event, API_SECONDS)

    def sweep(self) -> None:
        """Invoke the sweeper, and schedule the next run. Most runs that would find nothing are skipped."""
        if self.table.has_due() or self.world.random.random() < IDLE_SWEEPS:
            self._invoke("sweeper", sweeper.app.lambda_handler, {}, SWEEPER_SECONDS)
        self.world.scheduler.at(self.world.now + SWEEP_EVERY_SECONDS, self.sweep)

    def _deliver(self, message: Message) -> None:
        receipt = message.receipt
        attributes = {"ApproximateReceiveCount": str(message.receives)}
        record = {
            "messageId": str(message.number),
            "receiptHandle": receipt,
            "body": message.body,
            "attributes": attributes,
        }
        event = {"Records": [{**record, "eventSource": "aws:sqs", "messageAttributes": {}}]}
        self._invoke(
            "worker", worker.app.lambda_handler, event, WORKER_SECONDS, partial(self._worked, message, receipt)
        )

    def _worked(self, message: Message, receipt: str, answer: object) -> None:
        is_done = isinstance(answer, dict) and not answer["batchItemFailures"]
        self.queue.finished(message, receipt, is_done=is_done)

    def _invoke(
        self,
        function: str,
        handler: Callable[[Any, Any], Any],
        event: object,
        seconds: float,
        ended: Callable[[object], None] = lambda _: None,
    ) -> Signal:
        """Run a function; the signal gets its answer, Raised or Died."""
        world, scheduler, done = self.world, self.world.scheduler, Signal(self.world.scheduler)
        self.invoked += 1
        process = Process(f"{function}-{self.invoked}", skew=world.random.uniform(-0.5, 0.5), is_function=True)
        environment = self.idle[function].pop() if self.idle[function] else Environment(self._services())
        process.private = Private(environment)

        def finish(answer: object) -> None:
            done.set(answer)
            ended(answer)

        def run() -> None:
            context = Context(aws_request_id=process.name, world=world, until=world.now + seconds)
            scheduler.at(context.until, partial(self._time_out, process))
            try:
                answer: object = handler(event, context)
            except Exception as error:  # noqa: BLE001 - as the runtime reports it
                answer = Raised(error)
            process.is_over = True
            self.idle[function].append(environment)
            finish(answer)

        process.at_death.append(partial(finish, Died()))
        scheduler.start(process, run)
        return done

    def _time_out(self, process: Process) -> None:
        if process.is_alive:
            self.world.history.append((self.world.now, process.name, "timed out"))
            self.world.scheduler.kill(process)

    def _services(self) -> Services:
        """The product's services for an execution environment: simulated ones, with simulated time and threads."""
        world = self.world
        services = Services(
            self.settings,
            self.table,
            self.bucket,
            self.queue,
            self.bus,
            self.bedrock.invoke,
            FakeQueue(),
            now=world.process_now,
            clock=world.clock,
            sleep=world.sleep,
            parallel=self._in_tasks,
        )
        _insist_on_simulated_time(services)
        return services

    def _in_tasks(self, tasks: Sequence[Any], /) -> list[Any]:
        """Run threads as tasks of the scheduler."""
        abouts = [_about(task) for task in tasks]
        runs = [partial(self._make, task, about) for task, about in zip(tasks, abouts, strict=True)]
        return self.world.scheduler.parallel(runs, abouts)

    def _make(self, task: Callable[[], Any], about: About) -> Any:  # noqa: ANN401 - whatever the task makes
        try:
            return task()
        finally:
            self.bedrock.made(about)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The product finds these parts, this time and this chance where it looks for the real ones."""
        world = self.world
        chance = world.random.getrandbits
        state = product_random.getstate()
        product_random.seed(world.seed)
        with ExitStack() as stack:
            stack.enter_context(
                replaced(
                    (bootstrap, "services", self._current_services),
                    (uuid, "uuid4", lambda: uuid.UUID(int=chance(128), version=4)),
                    (secrets, "token_hex", lambda size=32: f"{chance(size * 8):0{size * 2}x}"),
                    (secrets, "randbelow", world.random.randrange),
                    (Deadline, "after", classmethod(lambda cls, seconds: cls(world.now + seconds, world.clock))),
                    (finishing, "fit", lambda png, *_: png),
                    (time, "time", lambda: world.now),
                    (logger, "error", self._logged_error),
                    (metrics, "add_metric", lambda **_: None),
                    (metrics.provider, "flush_metrics", lambda *_, **__: None),
                )
            )
            level = logger.log_level
            logger.setLevel("CRITICAL")
            world.scheduler.switched = _switch
            try:
                yield
            finally:
                world.scheduler.close()
                logger.setLevel(level)
                product_random.setstate(state)

    def _current_services(self) -> Services:
        services: Services = self.world.scheduler.process.private.environment.services
        return services

    def _logged_error(self, message: str, **facts: Any) -> None:  # noqa: ANN401 - as the logger takes them
        if message == "A bug":
            self.world.violated(f"a bug: {facts['exception_name']}\n{''.join(facts['stack'])}")


def _insist_on_simulated_time(services: Services) -> None:
    for name, value in vars(Services).items():
        if isinstance(value, cached_property):
            values = getattr(getattr(services, name), "__dict__", {}).values()
            assert not any(value in _REAL for value in values), f"{name} lives in real time"


def _about(task: Any) -> About:  # noqa: ANN401 - the product's own
    record = task.attempt.record
    places = tuple(slot.index for slot in task.call.slots)
    return About(record.id, record.owner, record.epoch, record.attempt, places, record.created_at)


@dataclass(eq=False)
class Private:
    """The state of a process that Powertools stores in shared module variables."""

    environment: Environment
    event: Any = None
    context: Any = None
    facts: dict[str, Any] = field(default_factory=dict)
    processor: BatchProcessor = field(
        default_factory=lambda: BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    )


def _switch(before: Process | None, after: Process) -> None:
    if before is not None and isinstance(before.private, Private):
        private = before.private
        private.event = getattr(BaseRouter, "current_event", None)
        private.context = getattr(BaseRouter, "lambda_context", None)
        private.facts = dict(api.app.app.context)
    if isinstance(after.private, Private):
        BaseRouter.current_event, BaseRouter.lambda_context = after.private.event, after.private.context
        api.app.app.context.clear()
        api.app.app.context.update(after.private.facts)
        messages.processor = after.private.processor
