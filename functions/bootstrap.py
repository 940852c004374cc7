"""Wires the services of an execution environment."""

import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property, partial
from typing import Self

from botocore.exceptions import BotoCoreError

from aws import bedrock, clients, monitoring
from aws.bucket import Bucket
from aws.events import EventBus
from aws.queue import Queue
from aws.signing_key import SigningKey
from aws.table import Table
from imaging import ports
from imaging.announcing import Announcer
from imaging.audits.lifecycle import Lifecycle
from imaging.audits.reconciliation import Reconciliation
from imaging.erasing import Eraser
from imaging.errors import Misconfigured
from imaging.generations import Generations
from imaging.images.gallery import Gallery
from imaging.images.renditions import Renditions
from imaging.images.signing import Signer
from imaging.jobs import Jobs
from imaging.making.generator import Generator
from imaging.making.model_run import ModelRunner, Parallel, in_threads
from imaging.models import catalog
from imaging.planning.route import Route
from imaging.planning.router import Router
from imaging.planning.shared_refusals import SharedRefusals
from imaging.records.keys import Keys
from imaging.records.ledger import Ledger
from imaging.records.open_jobs import OpenJobs
from imaging.records.store import GenerationStore
from imaging.requests.submission import Deduplication
from imaging.retries import Retries
from imaging.webhooks.deliveries import Deliveries
from imaging.webhooks.endpoints import Endpoints
from imaging.webhooks.sender import Sender
from net.https import Https
from settings import Settings


@dataclass(frozen=True)
class Services:
    """The use cases and their adapters, each created when it is first needed.

    `now` is in epoch seconds, `clock` monotonic.
    """

    settings: Settings
    table: ports.Table
    bucket: ports.Bucket
    queue: ports.Queue
    bus: ports.Bus
    invoke: ports.Invoke
    webhook_queue: ports.Queue
    https: ports.Https = field(default_factory=Https)
    signing_key: ports.SigningKey | None = None
    model_status: ports.ModelStatusOf = bedrock.model_status
    images_made: ports.ImagesMade = monitoring.images_made
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    parallel: Parallel = field(default=in_threads)

    def __post_init__(self) -> None:
        catalog.offer(self.settings.more_models)

    @classmethod
    def on_aws(cls, settings: Settings) -> Self:
        return cls(
            settings,
            Table(settings.table_name),
            Bucket(settings.bucket_name, settings.link_minutes),
            Queue(settings.queue_url, settings.dead_letter_queue_url),
            EventBus(settings.event_bus_name, settings.stack_name),
            partial(bedrock.invoke, guardrail=settings.guardrail),
            Queue(settings.webhook_queue_url),
            Https(settings.webhook_networks, settings.webhook_authorities),
            _signing_key(settings),
        )

    @cached_property
    def gallery(self) -> Gallery:
        return Gallery(self.bucket, self.table, timedelta(days=self.settings.retention_days), self.now)

    @cached_property
    def signer(self) -> Signer | None:
        return Signer(self.signing_key) if self.signing_key else None

    @cached_property
    def renditions(self) -> Renditions:
        return Renditions(self.gallery, self.bucket, self.signer)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.table)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.table, self.keys, self.settings.stack_cap, self.settings.key_cap, self.now)

    @cached_property
    def store(self) -> GenerationStore:
        retention, job_time = timedelta(days=self.settings.retention_days), timedelta(hours=self.settings.job_hours)
        return GenerationStore(
            self.table,
            self.keys,
            self.ledger,
            OpenJobs(self.keys, self.settings.open_jobs_cap),
            int(retention.total_seconds()),
            int(job_time.total_seconds()),
            self.now,
            self.sleep,
        )

    @cached_property
    def refusals(self) -> SharedRefusals:
        return SharedRefusals(self.table, self.now)

    @cached_property
    def router(self) -> Router:
        return Router(self.settings.model_lists, self.settings.models, self.refusals, self.clock)

    @cached_property
    def lifecycle(self) -> Lifecycle:
        return Lifecycle(self.model_status, self.table, self._routes, self.settings.model_region, self.now)

    @cached_property
    def reconciliation(self) -> Reconciliation:
        models = {(model.id, model.region_near(self.settings.model_region)) for model in self.settings.models.values()}
        listed = {(route.invoke_as, route.region(self.settings.model_region)) for route in self._routes}
        return Reconciliation(self.ledger, self.table, partial(self.images_made, models | listed), self.now)

    @property
    def model_regions(self) -> set[str]:
        """The regions in which listed models are called."""
        return {route.region(self.settings.model_region) for route in self._routes}

    @property
    def _routes(self) -> Sequence[Route]:
        return [route for routes in self.settings.model_lists.values() for route in routes]

    @cached_property
    def generator(self) -> Generator:
        runner = ModelRunner(
            self.invoke,
            self.gallery,
            self.settings.model_region,
            self.signer,
            sleep=self.sleep,
            now=self.now,
            parallel=self.parallel,
        )
        return Generator(runner, self.router)

    @cached_property
    def deduplication(self) -> Deduplication:
        return Deduplication(self.settings.deduplication_seconds, self.router.is_deterministic)

    @cached_property
    def retries(self) -> Retries:
        return Retries(self.table, self.now)

    @cached_property
    def generations(self) -> Generations:
        return Generations(
            self.store,
            self.router,
            self.generator,
            self.gallery,
            Announcer(self.bus, self.now),
            self.queue,
            self.settings.deduplication_seconds,
            self.webhook_queue,
            self.endpoints,
            sleep=self.sleep,
            now=self.now,
        )

    @cached_property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.table, self.https.may_be_reached, self.now)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.table, self.now)

    @cached_property
    def webhooks(self) -> Sender:
        return Sender(self.deliveries, self.endpoints, self.store, self.webhook_queue, self.https.post, self.now)

    @cached_property
    def eraser(self) -> Eraser:
        return Eraser(self.gallery, self.store)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self.generations, self.now)


def _signing_key(settings: Settings) -> SigningKey | None:
    if not settings.signing_key_arn:
        return None
    return SigningKey(settings.signing_key_arn, settings.signing_certificates_parameter)


@cache
def services() -> Services:
    """The services on AWS. Raises Misconfigured, at each call, where a stack parameter makes no sense."""
    return Services.on_aws(Settings.from_environment())


def prepare() -> None:
    """Makes the clients that a generation needs before the first request: Lambda gives a whole processor to that time,
    and SnapStart keeps what it leaves. Elsewhere than on Lambda nothing is made.

    What fails here fails again at the first request, which can tell its caller.
    """
    how = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE")
    if how is None:
        return
    if how == "snap-start":
        # All environments that are restored from one snapshot would draw the same random numbers.
        _after_restore(random.seed)
    with suppress(Misconfigured, BotoCoreError):
        for client in (clients.dynamodb, clients.s3, clients.events):
            client()
        for region in services().model_regions:
            bedrock.prepare(region)


def _after_restore(hook: Callable[[], None]) -> None:
    from snapshot_restore_py import register_after_restore  # noqa: PLC0415 - a part of Lambda's runtime

    register_after_restore(hook)
