"""Puts the parts together, once for each execution environment."""

from datetime import timedelta
from functools import cache

from aws import bedrock
from aws.bucket import Bucket
from aws.table import Table
from imaging.gallery import Gallery
from imaging.generate import Generator
from imaging.models import catalog
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
def generator() -> Generator:
    lists = {"standard": settings().standard_models, "premium": settings().premium_models}
    return Generator(bedrock.invoke, gallery(), Router(lists), settings().aws_region)
