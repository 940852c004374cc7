"""`import boto3`, and nothing else."""

import time

import boto3  # noqa: F401 - the import is what is measured
from channel import answer

answer({"ready": time.monotonic()})
