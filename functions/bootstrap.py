"""Puts the parts together, once for each execution environment."""

from datetime import timedelta
from functools import cache

from aws import bedrock
from aws.bucket import Bucket
from aws.counters import Counters
from aws.events import EventBus
from aws.idempotency import idempotency_table
from aws.queue import Queue
from aws.table import Table
from imaging.announcing import Announcer
from imaging.attempts import Attempts
from imaging.gallery import Gallery
from imaging.generate import Generator
from imaging.jobs import Jobs
from imaging.models import catalog
from imaging.once import Once
from imaging.routing import Router
from imaging.spending import Spending, micros
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
def attempts() -> Attempts:
    return Attempts(table())


@cache
def spending() -> Spending:
    stack, key = settings().monthly_budget_usd, settings().monthly_budget_per_key_usd
    return Spending(Counters(settings().table_name), micros(stack) or None, micros(key) or None)


@cache
def once() -> Once:
    name, announcer = settings().table_name, Announcer(EventBus(settings().event_bus_name, settings().event_source))
    return Once(
        generator(),
        gallery(),
        announcer,
        spending(),
        keyed=idempotency_table(name),
        keyless=idempotency_table(name),
        keyless_seconds=settings().deduplication_minutes * 60,
    )


@cache
def queue() -> Queue:
    return Queue(settings().queue_url, settings().dead_letter_queue_url)


@cache
def jobs() -> Jobs:
    kept, worked_at = timedelta(days=settings().retention_days), timedelta(hours=settings().job_hours)
    return Jobs(table(), queue(), once(), int(kept.total_seconds()), int(worked_at.total_seconds()))


@cache
def generator() -> Generator:
    lists = {"standard": settings().standard_models, "premium": settings().premium_models}
    return Generator(bedrock.invoke, gallery(), Router(lists), settings().aws_region)
