"""What happens to one InvokeModel between its arrival and its answer; knows no HTTP server."""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from typing import NoReturn

from local.emulator import models
from local.emulator.control import Configuration, Scenario
from local.emulator.errors import ACCEPT, CONTENT_TYPE, NOT_JSON, Refusal, invalid
from local.emulator.families import Body
from local.emulator.models import Model
from local.emulator.pictures import Subject, draw
from local.emulator.request import Order


@dataclass(frozen=True)
class Invocation:
    """One InvokeModel as it came in; `region` is the signature's, None when there is none."""

    model: str
    body: bytes
    region: str | None = None
    content_type: str | None = None
    accept: str | None = None


@dataclass(frozen=True)
class Call:
    """One line of the record.

    `images` is what was billed: every image asked for in a call that the model took on, those that the filter
    withheld included. A dropped call is billed like any other, and stands as the 200 that Bedrock believes it gave.
    """

    model: str
    status: int
    images: int
    seed: int | None
    at: float


@dataclass(frozen=True)
class Job:
    """A call that the model took on: it will be answered by a 200, or by nothing at all."""

    model: Model
    order: Order
    latency: float
    fault: str | None = None
    withheld: frozenset[int] = frozenset()
    body: Body | None = None


class Bedrock:
    def __init__(self, profiles: Mapping[str, str], painters: Executor) -> None:
        self.profiles = profiles
        self.calls: list[Call] = []
        self._painters = painters
        self.configure(Configuration())

    def configure(self, configuration: Configuration) -> None:
        self._scenario = Scenario(configuration)

    @property
    def configuration(self) -> Configuration:
        return self._scenario.configuration

    @property
    def model_names(self) -> set[str]:
        return {*models.MODELS, *self.profiles}

    def record(self) -> list[dict[str, object]]:
        return [asdict(call) for call in self.calls]

    async def invoke(self, invocation: Invocation) -> Body | None:
        """Return the body of a 200, None when the connection is to close, or raise a Refusal."""
        started = time.monotonic()
        job = self._take(invocation)
        if job.fault == "drop":
            return None
        body = job.body or job.model.family.answer(job.order.seed, await self._pictures(job))
        await asyncio.sleep(max(0.0, started + job.latency - time.monotonic()))
        return body

    def note(self, model: str, status: int, images: int = 0, seed: int | None = None) -> None:
        self.calls.append(Call(model, status, images, seed, time.time()))

    def _take(self, invocation: Invocation) -> Job:
        """Decide the call's fate and record it at once: a call under way shows in the record too."""
        seed = None
        try:
            model, order = self._read(invocation)
            seed = order.seed
            job = self._job(model, order, {invocation.model, model.id})
        except Refusal as refusal:
            self.note(invocation.model, refusal.status, seed=seed)
            raise
        self.note(invocation.model, 200, order.images, order.seed)
        return job

    def _read(self, invocation: Invocation) -> tuple[Model, Order]:
        model = models.find(invocation.model, invocation.region, self.profiles)
        if self._scenario.is_retired({invocation.model, model.id}):
            raise Refusal("ResourceNotFoundException")
        _check_media_types(invocation)
        return model, self._settled(model.family.read(_parse(invocation.body)), model)

    def _settled(self, order: Order, model: Model) -> Order:
        if order.random_seed:
            order = replace(order, seed=self._scenario.random_seed())
        if model.family.makes_ratios and self.configuration.native_size:
            width, height = self.configuration.native_size
            order = replace(order, width=width, height=height)
        return order

    def _job(self, model: Model, order: Order, names: set[str]) -> Job:
        fault = self._scenario.next_fault(names)
        if fault and fault.is_refusal:
            raise Refusal(fault.error, fault.message)
        job = Job(model, order, self.configuration.latency_ms / 1000, fault.error if fault else None)
        if self._scenario.blocks_prompt(order):
            return replace(job, body=model.family.blocked_prompt())
        if job.fault == "inference_error":
            return replace(job, body=model.family.inference_error())
        return replace(job, withheld=frozenset(self._scenario.withheld(order)))

    async def _pictures(self, job: Job) -> list[str | None]:
        count = job.order.images - (job.fault == "fewer_images")
        return await asyncio.gather(*(self._picture(job, index) for index in range(count)))

    async def _picture(self, job: Job, index: int) -> str | None:
        if index in job.withheld:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._painters, _paint, job, index)


def _paint(job: Job, index: int) -> str:
    data = draw(Subject(job.model.id, _painted_order(job), index))
    if job.fault == "truncated_png":
        data = data[: len(data) // 2]
    return base64.b64encode(data).decode("ascii")


def _painted_order(job: Job) -> Order:
    if job.fault != "not_png":
        return job.order
    return replace(job.order, output_format="webp" if job.order.output_format == "jpeg" else "jpeg")


def _check_media_types(invocation: Invocation) -> None:
    if invocation.content_type not in {None, "application/json"}:
        raise invalid(CONTENT_TYPE)
    if invocation.accept not in {None, "*/*", "application/json"}:
        raise invalid(ACCEPT)


def _parse(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise invalid(NOT_JSON) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)
