"""Puts the parts together, once for each execution environment."""

from datetime import timedelta
from functools import cache

from aws import bedrock
from aws.bucket import Bucket
from aws.idempotency import idempotency_table
from aws.table import Table
from imaging.gallery import Gallery
from imaging.generate import Generator
from imaging.models import catalog
from imaging.once import Once
from imaging.routing import Router
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
def once() -> Once:
    name = settings().table_name
    return Once(
        generator(), gallery(), idempotency_table(name), idempotency_table(name), settings().deduplication_minutes * 60
    )


@cache
def generator() -> Generator:
    lists = {"standard": settings().standard_models, "premium": settings().premium_models}
    return Generator(bedrock.invoke, gallery(), Router(lists), settings().aws_region)
