"""What is promised: each row's limit and target, as ratios to its baseline."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    subject: str
    baseline: str
    limit: float
    target: float


GOALS = {
    "warm-n1-0s": Goal("a request of one native image, model time 0", "a bare boto3 script", 2.0, 1.4),
    "warm-fit-0s": Goal("the same, 1216² fitted to 1024²", "the script, without fitting", 5, 3),
    "warm-n1-3s": Goal("a request of one native image, model time 3 s", "the script", 1.02, 1.01),
    "n4-vs-n1-3s": Goal("four fitted images of a one-image model, 3 s each", "one such image", 1.10, 1.05),
    "cold-vs-boto3": Goal("a new interpreter until the handler can be called", "`import boto3` and clients", 1.2, 0.8),
    "cold-vs-fastapi": Goal("the same", "FastAPI + Mangum + clients", 0.5, 0.35),
    "cold-authorizer": Goal("a new interpreter until the authorizer can be called", "`import boto3`", 0.15, 0.05),
    "memory-n4": Goal("peak resident memory, four fitted images", "the script with four images", 1.4, 1.2),
    "table-calls": Goal("DynamoDB calls of a synchronous request", "the 10 of the first version", 0.5, 0.3),
    "jobs-1000-vs-10": Goal("a job in a queue of 1,000", "a job in a queue of 10", 1.1, 1.0),
}
