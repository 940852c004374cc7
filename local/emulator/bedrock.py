"""Handles one InvokeModel call, independently of the HTTP server."""

import asyncio
import base64
import json
import time
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from typing import NoReturn

from local.emulator.control import Configuration, Guardrail, Lifecycle, Scenario
from local.emulator.errors import ACCEPT, CONTENT_TYPE, NO_GUARDRAIL, NOT_JSON, Refusal, invalid
from local.emulator.families import Body
from local.emulator.models import Catalog, Model
from local.emulator.pictures import Subject, draw
from local.emulator.pictures.ready import ReadyPicture
from local.emulator.request import ImageRequest


@dataclass(frozen=True)
class Invocation:
    """One InvokeModel call; `region` comes from its signature, None without one."""

    model: str
    body: bytes
    region: str | None = None
    content_type: str | None = None
    accept: str | None = None
    guardrail: str | None = None
    guardrail_version: str | None = None


@dataclass(frozen=True)
class Call:
    """One recorded call.

    `images` counts the billed images: all that an accepted call requests, those that the filter withholds included.
    A dropped call is billed too, and recorded as the 200 that Bedrock sent.
    """

    model: str
    status: int
    images: int
    seed: int | None
    at: float


@dataclass(frozen=True)
class Job:
    """An accepted call: its answer is a 200, or a closed connection."""

    model: Model
    request: ImageRequest
    latency: float
    fault: str | None = None
    withheld: frozenset[int] = frozenset()
    body: Body | None = None
    is_guarded: bool = False
    is_free: bool = False


GUARDRAIL_ACTION = "amazon-bedrock-guardrailAction"


def _guarded(job: Job, guardrail: Guardrail) -> Job:
    """The model does not run for a prompt that is refused at its input, so nothing is billed for it."""
    if not guardrail.refuses(job.request.prompt):
        return replace(job, is_guarded=True)
    body: Body = {GUARDRAIL_ACTION: "INTERVENED"}
    return replace(job, is_guarded=True, body=body, is_free=guardrail.at == "input")


class Bedrock:
    def __init__(self, catalog: Catalog, painters: Executor) -> None:
        self.catalog = catalog
        self.calls: list[Call] = []
        self._ready: dict[tuple[object, ...], ReadyPicture] = {}
        self._painters = painters
        self.configure(Configuration())

    def configure(self, configuration: Configuration) -> None:
        self._scenario = Scenario(configuration)

    @property
    def configuration(self) -> Configuration:
        return self._scenario.configuration

    def recorded(self) -> list[dict[str, object]]:
        return [asdict(call) for call in self.calls]

    async def invoke(self, invocation: Invocation) -> Body | None:
        """Return the body of a 200, None to close the connection, or raise a Refusal."""
        started = time.monotonic()
        job = self._accept(invocation)
        if job.fault == "drop":
            return None
        body = job.body or job.model.family.answer(job.request.seed, await self._pictures(job))
        if job.is_guarded:
            body = {GUARDRAIL_ACTION: "NONE", **body}
        await asyncio.sleep(max(0.0, started + job.latency - time.monotonic()))
        return body

    def foundation_model(self, name: str, region: str | None) -> Body:
        """A model's description by the control plane. Raises Refusal if it is retired or unknown in that region."""
        model = self._described(name, region)
        lifecycle = self.configuration.lifecycle.get(model.id, Lifecycle())
        ends = {"endOfLifeTime": lifecycle.end_of_life} if lifecycle.end_of_life else {}
        return {
            "modelArn": f"arn:aws:bedrock:{region or min(model.regions)}::foundation-model/{model.id}",
            "modelId": model.id,
            "inputModalities": ["TEXT"],
            "outputModalities": ["IMAGE"],
            "inferenceTypesSupported": ["ON_DEMAND"],
            "modelLifecycle": {"status": lifecycle.status, **ends},
        }

    def availability(self, name: str, region: str | None) -> Body:
        """Whether the account may call the model. Raises Refusal as `foundation_model` does."""
        return {
            "modelId": self._described(name, region).id,
            "agreementAvailability": {"status": "AVAILABLE"},
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE",
            "regionAvailability": "AVAILABLE",
        }

    def _described(self, name: str, region: str | None) -> Model:
        model = self.catalog.find(name, region)
        if self._scenario.is_retired({name, model.id}):
            raise Refusal("ResourceNotFoundException")
        return model

    def record(self, model: str, status: int, images: int = 0, seed: int | None = None) -> None:
        self.calls.append(Call(model, status, images, seed, time.time()))

    def _accept(self, invocation: Invocation) -> Job:
        """Accept or refuse the call, and record it at once, so that a running call is recorded too."""
        seed = None
        try:
            model, request = self._read(invocation)
            seed = request.seed
            guardrail = self._guardrail(invocation)
            job = self._job(model, request, {invocation.model, model.id})
        except Refusal as refusal:
            self.record(invocation.model, refusal.status, seed=seed)
            raise
        if guardrail:
            job = _guarded(job, guardrail)
        self.record(invocation.model, 200, 0 if job.is_free else request.images, request.seed)
        return job

    def _guardrail(self, invocation: Invocation) -> Guardrail | None:
        """The guardrail that the call names, by its id or ARN."""
        if invocation.guardrail is None and invocation.guardrail_version is None:
            return None
        known = self.configuration.guardrails
        name = (invocation.guardrail or "").rpartition("/")[2]
        found = Guardrail() if known is None else known.get(name)
        if not name or found is None or invocation.guardrail_version not in found.versions:
            raise invalid(NO_GUARDRAIL)
        if invocation.region and found.region not in {None, invocation.region}:
            raise invalid(NO_GUARDRAIL)
        return found

    def _read(self, invocation: Invocation) -> tuple[Model, ImageRequest]:
        model = self.catalog.find(invocation.model, invocation.region)
        if self._scenario.is_retired({invocation.model, model.id}):
            raise Refusal("ResourceNotFoundException")
        _check_media_types(invocation)
        return model, self._completed(model.family.read(_parse(invocation.body)), model)

    def _completed(self, request: ImageRequest, model: Model) -> ImageRequest:
        if request.random_seed:
            request = replace(request, seed=self._scenario.random_seed())
        if model.family.makes_ratios and self.configuration.native_size:
            width, height = self.configuration.native_size
            request = replace(request, width=width, height=height)
        return request

    def _job(self, model: Model, request: ImageRequest, names: set[str]) -> Job:
        fault = self._scenario.next_fault(names)
        if fault and fault.is_refusal:
            raise Refusal(fault.error, fault.message)
        job = Job(model, request, self.configuration.latency_ms / 1000, fault.error if fault else None)
        if self._scenario.blocks_prompt(request):
            return replace(job, body=model.family.blocked_prompt())
        if job.fault == "inference_error":
            return replace(job, body=model.family.inference_error())
        return replace(job, withheld=frozenset(self._scenario.withheld(request)))

    async def _pictures(self, job: Job) -> list[str | None]:
        count = job.request.images - (job.fault == "fewer_images")
        return await asyncio.gather(*(self._picture(job, index) for index in range(count)))

    async def _picture(self, job: Job, index: int) -> str | None:
        if index in job.withheld:
            return None
        if self.configuration.ready_pictures:
            return await self._ready_picture(job, index)
        return await self._painted(job, index)

    async def _ready_picture(self, job: Job, index: int) -> str:
        key = (job.model.id, job.request.width, job.request.height, job.request.output_format, job.fault)
        if key not in self._ready:
            self._ready[key] = ReadyPicture(await self._painted(job, index))
        return self._ready[key].copy(f"{job.request.seed} {index} {len(self.calls)}")

    async def _painted(self, job: Job, index: int) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._painters, _paint, job, index)


def _paint(job: Job, index: int) -> str:
    data = draw(Subject(job.model.id, _painted_request(job), index))
    if job.fault == "truncated_png":
        data = data[: len(data) // 2]
    return base64.b64encode(data).decode("ascii")


def _painted_request(job: Job) -> ImageRequest:
    if job.fault != "not_png":
        return job.request
    return replace(job.request, output_format="webp" if job.request.output_format == "jpeg" else "jpeg")


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
