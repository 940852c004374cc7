"""Puts the parts together, once for each execution environment."""

from functools import cache

from aws import bedrock
from aws.bucket import Bucket
from imaging.generate import Generator
from imaging.routing import Router
from settings import Settings


@cache
def settings() -> Settings:
    return Settings.from_environment()


@cache
def bucket() -> Bucket:
    return Bucket(settings().bucket_name, settings().link_minutes)


@cache
def generator() -> Generator:
    lists = {"standard": settings().standard_models, "premium": settings().premium_models}
    return Generator(bedrock.invoke, bucket(), Router(lists), settings().aws_region)
