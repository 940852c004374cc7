"""Puts the parts together, once for each execution environment."""

from datetime import timedelta
from functools import cache

from aws import bedrock
from aws.bucket import Bucket
from aws.events import EventBus
from aws.queue import Queue
from aws.table import Table
from imaging.announcing import Announcer
from imaging.generations import Generations
from imaging.images.gallery import Gallery
from imaging.jobs import Jobs
from imaging.making.generator import Generator
from imaging.making.maker import Maker
from imaging.models import catalog
from imaging.planning.routing import Router
from imaging.planning.shared_refusals import SharedRefusals
from imaging.records.ledger import Ledger
from imaging.records.store import GenerationStore
from imaging.requests.result import micros
from imaging.requests.submission import Deduplication
from imaging.retries import Retries
from settings import Settings


@cache
def settings() -> Settings:
    settings = Settings.from_environment()
    catalog.reprice(settings.model_prices)
    return settings


@cache
def bucket() -> Bucket:
    return Bucket(settings().bucket_name, settings().link_minutes)


@cache
def table() -> Table:
    return Table(settings().table_name)


@cache
def gallery() -> Gallery:
    return Gallery(bucket(), table(), timedelta(days=settings().retention_days))


@cache
def ledger() -> Ledger:
    stack, key = settings().monthly_budget_usd, settings().monthly_budget_per_key_usd
    return Ledger(table(), micros(stack) or None, micros(key) or None)


@cache
def store() -> GenerationStore:
    kept, worked_at = timedelta(days=settings().retention_days), timedelta(hours=settings().job_hours)
    return GenerationStore(table(), ledger(), int(kept.total_seconds()), int(worked_at.total_seconds()))


@cache
def generations() -> Generations:
    announcer = Announcer(EventBus(settings().event_bus_name, settings().stack_name))
    return Generations(store(), generator(), gallery(), announcer, queue(), settings().deduplication_minutes * 60)


@cache
def deduplication() -> Deduplication:
    return Deduplication(settings().deduplication_minutes * 60, generator().is_deterministic)


@cache
def retries() -> Retries:
    return Retries(table())


@cache
def refusals() -> SharedRefusals:
    return SharedRefusals(table())


@cache
def queue() -> Queue:
    return Queue(settings().queue_url, settings().dead_letter_queue_url)


@cache
def jobs() -> Jobs:
    return Jobs(generations())


@cache
def generator() -> Generator:
    lists = {"standard": settings().standard_models, "premium": settings().premium_models}
    return Generator(Maker(bedrock.invoke, gallery(), settings().aws_region), Router(lists, refusals()))
